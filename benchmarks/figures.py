"""Tables of each part's figures, for the terminal and for docs/benchmarks.md alike, with the targets beside them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.measure import ROOT

RESULTS = ROOT / "benchmarks" / "results"
Found = dict[str, Any]
Pair = tuple[str, str]

# Engine -> how many times our time and our memory it is to take.
TARGETS = {"kronfluence": (10.0, 2.0), "bergson": (5.0, 2.0)}
OVER_BARE, FIXED = 1.25, 0.15


@dataclass(frozen=True)
class Table:
    """A titled table of words."""

    title: str
    header: list[str]
    rows: list[list[str]]


def reached(value: float, target: float, *, at_most: bool = False, unit: str = "") -> str:
    """A target, and whether a value meets it."""
    met = value <= target if at_most else value >= target
    return f"{'at most' if at_most else 'at least'} {target:g}{unit}: {'met' if met else 'missed'}"


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
            rows.append([dtype, one["failed"], *[""] * 5])
            continue
        for name, took in one["passes"].items():
            wanted = reached(took["ratio"], OVER_BARE, at_most=True, unit=" x") if name == "scoring" else ""
            row = [f"{took['median']:.2f}", f"{took['cpu_median']:.2f}"]
            row += [f"{took['ratio']:.3f}", f"{took['cpu_ratio']:.3f}"]
            rows.append([dtype, name, *row, wanted])
    header = ["dtype", "pass", "seconds", "CPU seconds", "over bare", "over bare, CPU", "target"]
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
        rows = [[plain(row[label]), *cost(row)] for row in found[key]]
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
        row = [f"line through {words}", f"{of['by_line']:.1%}", reached(of["by_line"], FIXED, at_most=True)]
        rows.append([*row, f"{of['worst_distance']:.1%}"])
    share = line["by_stage"]
    rows.append(["all stages but the pool's", f"{share:.1%}", reached(share, FIXED, at_most=True), ""])
    header = ["measured by", f"fixed part at {line['traces']} traces", "target", "furthest run from the line"]
    return Table("The fixed part", header, rows)


def totals(
    title: str,
    engines: Found,
    bare: Found,
    targets: dict[str, tuple[float, float]],
    first: str = "ours",
) -> Table:
    """Time, CPU time and memory of each run, as they are and over those of the first."""
    header = ["engine", "dtype", "seconds", "CPU seconds", "peak GB", "time", "CPU time", "memory"]
    header += ["over bare pass"] * bool(bare) + ["target: time", "target: memory"] * bool(targets)
    base = engines.get(first, {}).get("measured")
    rows = []
    for name, one in engines.items():
        if "failed" in one:
            rows.append([name, one["failed"], *[""] * (len(header) - 2)])
            continue
        took = one["measured"]
        row = [name, one["facts"]["dtype"], f"{took['seconds']:.0f}", f"{took['cpu_seconds']:.0f}"]
        row.append(f"{took['peak_bytes'] / 1e9:.1f}")
        keys = ("seconds", "cpu_seconds", "peak_bytes")
        ratios = [took[key] / base[key] for key in keys] if base else []
        row += [f"{ratio:.1f} x" for ratio in ratios] or [""] * 3
        if bare:
            of = bare.get(one["facts"]["dtype"])
            row.append(f"{took['seconds'] / of['median']:.1f} x" if of else "")
        if targets:
            time, memory = targets.get(name, (0, 0))
            wanted = (
                [reached(ratios[0], time, unit=" x"), reached(ratios[2], memory, unit=" x")] if ratios else []
            )
            row += wanted if time and wanted else ["", ""]
        rows.append(row)
    return Table(title, header, rows)


def stages(title: str, engines: Found) -> Table:
    """Seconds by stage, and what is in none of them."""
    good = {name: one for name, one in engines.items() if "failed" not in one}
    names = list(dict.fromkeys(stage for one in good.values() for stage in one["stages"]))
    rows = []
    for stage in names:
        row = [one["stages"].get(stage) for one in good.values()]
        rows.append([stage, *("" if value is None else f"{value:.1f}" for value in row)])
    rest = [one["measured"]["seconds"] - sum(one["stages"].values()) for one in good.values()]
    rows.append(["start, imports, the rest", *(f"{value:.1f}" for value in rest)])
    return Table(title, ["stage", *good], rows)


def correlations(title: str, agreed: list[Found], targets: dict[Pair, float]) -> Table:
    """Spearman and Pearson correlations of pairs of runs, group by group."""
    rows = []
    for one in agreed:
        target = targets.get((one["first"], one["second"]))
        wanted = reached(one["spearman"], target) if target else ""
        figures = [f"{one['spearman']:.4f}", f"{one['pearson']:.4f}"]
        rows.append([one["first"], one["second"], one["group"], *figures, wanted])
    header = ["engine", "and", "group", "Spearman", "Pearson", "target (Spearman)"]
    return Table(title, header, rows)


def cost(row: Found) -> list[str]:
    """Tokens, time and memory of one run of ours."""
    if "failed" in row:
        return [f"{row['tokens']:,}", row["failed"], "", "", ""]
    took, tokens = row["cpu_seconds"], row["tokens"]
    figures = [f"{tokens:,}", f"{row['seconds']:.0f}", f"{took:.0f}", f"{1000 * took / tokens:.2f}"]
    return [*figures, f"{row['peak_bytes'] / 1e9:.1f}"]


def plain(value: object) -> str:
    """A number or a name, in words."""
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)


TABLES: dict[str, Callable[[Found], list[Table]]] = {
    "defaults": defaults_tables,
    "pass": pass_tables,
    "agreement": agreement_tables,
    "matched": matched_tables,
    "scaling": scaling_tables,
}
