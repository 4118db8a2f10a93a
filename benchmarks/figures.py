"""Tables of each part's figures, for the terminal and for docs/benchmarks.md alike, with the targets beside them."""

from collections.abc import Callable

from benchmarks.columns import Found, Table, attributed, correlations, cost, plain, reached, stages, totals
from benchmarks.measure import ROOT

RESULTS = ROOT / "benchmarks" / "results"
# Engine -> how many times our time and our memory it is to take.
TARGETS = {"kronfluence": (10.0, 2.0), "bergson": (5.0, 2.0)}
OVER_BARE, FIXED = 1.25, 15


def defaults_tables(found: Found) -> list[Table]:
    """Totals, stages, agreement."""
    return [
        totals("Each engine with its defaults", found["engines"], found["bare"], TARGETS),
        stages("Seconds by stage", found["engines"]),
        correlations("Agreement of the defaults", found["agreement"], {("ours", "kronfluence"): 0.95}),
    ]


def matched_tables(found: Found) -> list[Table]:
    """Totals and agreement for either kind of labels."""
    tables = []
    for labels, words, target in (
        ("sampled", "labels sampled", 0.95),
        ("data", "the data's own labels", 0.99),
    ):
        part = found[labels]
        wanted = {(name, "kronfluence"): target for name in ("ours, whole", "ours, low rank")}
        tables += [
            totals(f"Same sample, float32, {words}", part["engines"], {}, {}, first="ours, low rank"),
            stages(f"Seconds by stage, {words}", part["engines"]),
            correlations(f"Agreement, {words}", part["agreement"], wanted),
        ]
    return tables


def agreement_tables(found: Found) -> list[Table]:
    """What low rank and bfloat16 change."""
    wanted = {("whole, float32", "low rank, bfloat16"): 0.99}
    return [
        totals("Ours, exact and not", found["engines"], {}, {}, first="low rank, bfloat16"),
        correlations("Agreement of ours with itself", found["agreement"], wanted),
    ]


def pass_tables(found: Found) -> list[Table]:
    """The passes, in either dtype."""
    rows = []
    for dtype, one in found["dtypes"].items():
        if "failed" in one:
            rows.append([dtype, one["failed"], *[""] * 6])
            continue
        for name, took in one["passes"].items():
            wanted = reached(took["ratio"], OVER_BARE, at_most=True, unit=" x") if name == "scoring" else ""
            row = [f"{took['median']:.2f}", f"{took['cpu_median']:.2f}"]
            row += [f"{took['ratio']:.3f}", f"{min(took['ratios']):.2f} to {max(took['ratios']):.2f}"]
            row.append(f"{took['cpu_ratio']:.3f}")
            rows.append([dtype, name, *row, wanted])
    header = ["dtype", "pass", "seconds", "CPU seconds", "over bare", "turn by turn"]
    header += ["over bare, CPU", "target"]
    return [Table("The scoring pass over the bare pass", header, rows)]


def scaling_tables(found: Found) -> list[Table]:
    """One table a thing that grows, and the line through the traces."""
    tables = []
    for key, label, title in (
        ("traces", "traces", "More traces"),
        ("tokens", "tokens_a_trace", "Longer traces"),
        ("queries", "queries", "More queries"),
        ("models", "model", "Larger models"),
    ):
        rows = [[plain(row[label]) + attributed(row), *cost(row)] for row in found[key]]
        header = [
            label.replace("_", " "),
            "tokens",
            "seconds",
            "CPU seconds",
            "CPU s a 1,000 tokens",
            "peak GB",
        ]
        tables.append(Table(title, header, rows))
    if found["line"]:
        tables.insert(1, fixed_table(found["line"]))
    return tables


def fixed_table(line: Found) -> Table:
    """What part of the largest run does not grow with the traces."""
    rows = []
    for name, words in (("seconds", "seconds"), ("cpu_seconds", "CPU seconds")):
        of = line[name]
        row = [
            f"line through {words}",
            f"{of['by_line']:.1%}",
            reached(100 * of["by_line"], FIXED, at_most=True, unit="%"),
        ]
        rows.append([*row, f"{of['worst_distance']:.1%}"])
    share = line["by_stage"]
    rows.append(
        ["all stages but the pool's", f"{share:.1%}", reached(100 * share, FIXED, at_most=True, unit="%"), ""]
    )
    header = ["measured by", f"fixed part at {line['traces']} traces", "target", "furthest run from the line"]
    return Table("The fixed part", header, rows)


TABLES: dict[str, Callable[[Found], list[Table]]] = {
    "defaults": defaults_tables,
    "pass": pass_tables,
    "agreement": agreement_tables,
    "matched": matched_tables,
    "scaling": scaling_tables,
}
