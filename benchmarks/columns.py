"""The tables that several parts have in common: totals, stages, correlations."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

Found = dict[str, Any]
Pair = tuple[float, float]


@dataclass(frozen=True)
class Table:
    """A titled table of words."""

    title: str
    header: list[str]
    rows: list[list[str]]

    def show(self, console: Console) -> None:
        """Print it."""
        shown = RichTable(*self.header, title=self.title, title_justify="left")
        for row in self.rows:
            shown.add_row(*row)
        console.print(shown)


def reached(value: float, target: float, *, at_most: bool = False, unit: str = "") -> str:
    """A target, and whether a value meets it."""
    met = value <= target if at_most else value >= target
    return f"{'at most' if at_most else 'at least'} {target:g}{unit}: {'met' if met else 'missed'}"


def totals(title: str, engines: Found, bare: Found, targets: dict[str, Pair], first: str = "ours") -> Table:
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


def correlations(title: str, agreed: list[Found], targets: dict[tuple[str, str], float]) -> Table:
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


def attributed(row: Found) -> str:
    """How many weights a model's run attributed to."""
    count = row["coverage"]["attributed"] if "model" in row and "coverage" in row else 0
    return f" ({count / 1e6:.1f} million weights attributed)" if count else ""


def plain(value: object) -> str:
    """A number or a name, in words."""
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)
