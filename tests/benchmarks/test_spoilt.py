"""What is spoilt of GSM8K's solutions: as many as asked for, of both kinds, the others as they were."""

from collections import Counter

from benchmarks.proof.spoilt import MISCALCULATED, NONE, SWAPPED, miscalculate, spoilt


def test_every_result_is_one_too_high() -> None:
    answer = "48/2 = <<48/2=24>>24 clips.\n1,000+24 = $<<1000+24=1024>>1,024.\n0.5*3 = <<0.5*3=1.5>>1.5\n#### 1,024"
    assert miscalculate(answer) == (
        "48/2 = <<48/2=25>>25 clips.\n1,000+24 = $<<1000+24=1025>>1025.\n0.5*3 = <<0.5*3=2.5>>2.5\n#### 1025"
    )


def test_half_is_swapped_and_half_miscalculated() -> None:
    rows = [
        {"question": f"q{n}", "answer": f"{n}+1 = <<{n}+1={n + 1}>>{n + 1}\n#### {n + 1}"} for n in range(40)
    ]
    made = spoilt(rows, 10)
    assert Counter(one["planted"] for one in made) == {NONE: 30, SWAPPED: 5, MISCALCULATED: 5}
    solutions = {row["answer"] for row in rows}
    for row, one in zip(rows, made, strict=True):
        assert one["question"] == row["question"]
        assert (one["answer"] == row["answer"]) == (one["planted"] == NONE)
        assert (one["answer"] in solutions) == (one["planted"] != MISCALCULATED) or one[
            "planted"
        ] == MISCALCULATED
