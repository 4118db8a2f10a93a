from collections import Counter
from itertools import pairwise

import pytest

from curation.demo.pool import Mix, make_pool
from curation.demo.problems import right_response
from curation.traces.trace import Trace
from tests.demo.solving import compute, parse, solve

POOL = make_pool(3)


def planted(kind: str) -> list[Trace]:
    traces = [trace for trace in POOL.traces if trace.metadata["planted"] == kind]
    assert traces
    return traces


def right_until_the_flaw(trace: Trace) -> bool:
    step = trace.metadata["planted_step"]
    return parse(trace.response)[0][:step] == solve(trace.prompt)[:step]


def test_the_pool_has_the_mix_that_was_asked_for() -> None:
    different = {trace.trace_id: trace for trace in POOL.traces}
    assert (len(POOL.traces), len(different)) == (1025, 1000)
    assert Counter(trace.metadata["planted"] for trace in different.values()) == {
        "none": 825,
        "systematic": 50,
        **dict.fromkeys(("wrong step", "wrong operation", "wrong answer", "missing steps", "filler"), 25),
    }
    assert sum(t.metadata["rare"] for t in different.values() if t.metadata["planted"] == "none") == 30
    assert sum(problem.is_rare for problem in POOL.test) == len(POOL.test) * Mix().target_rare


def test_the_same_seed_gives_the_same_pool_and_another_seed_another() -> None:
    assert make_pool(3) == POOL
    assert make_pool(4).traces != POOL.traces


def test_no_target_problem_is_in_the_pool() -> None:
    target = {problem.prompt for problem in (*POOL.validation, *POOL.test)}
    assert len(target) == len(POOL.validation) + len(POOL.test)
    assert not target & {trace.prompt for trace in POOL.traces}


def test_traces_without_a_flaw_are_right() -> None:
    for trace in planted("none"):
        steps, rest, answer = parse(trace.response)
        assert (steps, rest, answer) == (solve(trace.prompt), [], steps[-1][3])
        assert trace.answer == str(answer)
        assert trace.metadata["planted_step"] is None


def test_gold_completions_are_right() -> None:
    for problem in (*POOL.validation, *POOL.test):
        steps, rest, answer = parse(right_response(problem))
        assert (steps, rest, answer) == (solve(problem.prompt), [], steps[-1][3])
        assert problem.answer == str(answer)


def test_a_wrong_step_is_one_wrong_sum_that_is_carried_on() -> None:
    for trace in planted("wrong step"):
        steps, rest, answer = parse(trace.response)
        wrong = [
            i for i, (left, sign, right, result) in enumerate(steps) if compute(left, sign, right) != result
        ]
        assert wrong == [trace.metadata["planted_step"]]
        assert right_until_the_flaw(trace)
        assert [(s[1], s[2]) for s in steps] == [(s[1], s[2]) for s in solve(trace.prompt)]
        assert all(before[3] == after[0] for before, after in pairwise(steps))
        assert (rest, answer) == ([], steps[-1][3])


@pytest.mark.parametrize("kind", ["wrong operation", "systematic"])
def test_a_verb_taken_the_wrong_way_has_the_wrong_sign_and_right_sums(kind: str) -> None:
    for trace in planted(kind):
        steps, rest, answer = parse(trace.response)
        right = solve(trace.prompt)
        turned = [i for i, step in enumerate(steps) if step[1] != right[i][1]]
        assert turned == [trace.metadata["planted_step"]]
        assert steps[turned[0]][3] != right[turned[0]][3]
        assert right_until_the_flaw(trace)
        assert all(compute(*step[:3]) == step[3] for step in steps)
        assert (rest, answer) == ([], steps[-1][3])
        verb = trace.prompt.split(". ")[1 + turned[0]].split()[1]
        assert (verb in ("duplicates", "trebles")) == (kind == "systematic") == trace.metadata["rare"]


def test_a_wrong_answer_follows_right_steps() -> None:
    for trace in planted("wrong answer"):
        steps, rest, answer = parse(trace.response)
        assert (steps, rest) == (solve(trace.prompt), [])
        assert answer != steps[-1][3]
        assert trace.metadata["planted_step"] == len(steps)


def test_missing_steps_leave_one_right_step_and_the_right_answer() -> None:
    for trace in planted("missing steps"):
        steps, rest, answer = parse(trace.response)
        right = solve(trace.prompt)
        assert len(right) == 3
        assert len(steps) == 1
        assert steps[0] in right
        assert (rest, answer) == ([], right[-1][3])


def test_filler_stands_between_right_steps() -> None:
    for trace in planted("filler"):
        steps, rest, answer = parse(trace.response)
        assert steps == solve(trace.prompt)
        assert (len(rest), answer) == (2, steps[-1][3])
        assert trace.response.split("\n")[trace.metadata["planted_step"]] in rest


def test_every_planted_flaw_differs_from_the_right_response() -> None:
    flawed = [trace for trace in POOL.traces if trace.metadata["planted"] != "none"]
    for trace in flawed:
        steps, rest, answer = parse(trace.response)
        right = solve(trace.prompt)
        assert (steps, rest, answer) != (right, [], right[-1][3])
