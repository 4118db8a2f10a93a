"""docs/fragility.md, written from benchmarks/results/fragility.json: `python -m benchmarks.fragility.page`."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.figures import RESULTS
from benchmarks.fragility.plan import FULL
from benchmarks.markdown import filled, interval, table, value
from benchmarks.measure import ROOT

Found = Mapping[str, Any]
WORDS = Path(__file__).parent / "words"
RARE = "auc against rare, consensus"


def page(found: Found) -> str:
    """The whole page: words from benchmarks/fragility/words, tables from the figures."""
    return filled(
        WORDS,
        {
            "lds": lds_table(found["settings"]),
            "rankings": rankings_table(found["settings"]),
            "detection": detection_table(found["settings"]),
            "engine": engine_table(found["engine"]),
            "engine_detection": detection_table(found["engine"]),
            "spread": spread_table(found["queries"]),
            "goes_with": goes_with_table(found["queries"]),
            "averaged": averaged_table(found["queries"]),
            "ceiling": f"{found['queries']['ceiling']:+.2f}",
            "by_other_parts": f"{found['queries']['by_other_parts']:+.2f}",
            "parts": str(found["plan"]["parts"]),
            "more": str(found["plan"]["more"]),
            "parts_planned": str(FULL.parts),
            "references": str(found["plan"]["references"]),
            "provenance": provenance(found),
        },
    )


def lds_table(settings: Sequence[Found]) -> str:
    """What influence predicts under each setting of the training."""
    rows = [
        [
            one["name"],
            value(one["accuracy_of_base"], 2),
            value(fmean(one["accuracy"]), 2),
            _plain(one["values"]["lds"]),
            _difference(one, "lds"),
            _ends(one["lds_by_reference"]),
            f"{one['lds_together'][0]:+.2f}",
            f"{one['lds_single']:+.2f}",
        ]
        for one in settings
    ]
    head = ["setting", "accuracy before", "and after", "LDS of the mean query", "minus default"]
    head += ["least and most of the references", "of their mean", "single queries"]
    return table(head, rows)


def rankings_table(settings: Sequence[Found]) -> str:
    """How alike rankings are."""
    rows = []
    for one in settings:
        alike = [one[of][kind] for of in ("between_references", "with_default") for kind in _KINDS]
        stable = [half for half in one["stability"] if half is not None]
        rows.append(
            [
                one["name"],
                *(value(figure, 2) for figure in alike),
                value(fmean(stable), 2) if stable else "-",
            ]
        )
    head = ["setting", *(f"two references, {kind}" for kind in _KINDS)]
    head += [*(f"with the default's, {kind}" for kind in _KINDS), "halves of the factors' sample"]
    return table(head, rows)


_KINDS = ("influence", "consensus")


def detection_table(rows: Sequence[Found]) -> str:
    """ROC-AUC of the planted flaws."""
    names = (*(f"auc, {kind}" for kind in _KINDS), RARE)
    lines = [
        [
            one["name"],
            *(
                cell
                for name in names
                for cell in (value(one["values"][name][0], 3), _difference(one, name, 3))
            ),
            interval(one["consensus_minus_influence"]["auc"]),
            _ends(one["auc_by_reference"], ".2f"),
        ]
        for one in rows
    ]
    head = ["setting"]
    for words in ("influence", "consensus", "consensus, systematic against rare but right"):
        head += [words, "minus default"]
    return table([*head, "consensus minus influence", "influence, least and most of the references"], lines)


def engine_table(rows: Sequence[Found]) -> str:
    """What influence predicts under each setting of the engine."""
    lines = [
        [
            one["name"],
            _plain(one["values"]["lds"]),
            _difference(one, "lds", 3),
            f"{one['lds_single']:+.2f}",
            value(one["with_default"]["influence"], 3),
            value(one["with_default"]["consensus"], 3),
        ]
        for one in rows
    ]
    head = ["engine", "LDS of the mean query", "minus default", "single queries"]
    return table([*head, "ranking with the default's, influence", "consensus"], lines)


def spread_table(queries: Found) -> str:
    """Quartiles of the single queries' LDS."""
    words = ("lowest", "a quarter below", "median", "a quarter above", "highest")
    return table(["LDS of single queries", *words], [["", *(f"{one:+.2f}" for one in queries["quartiles"])]])


def goes_with_table(queries: Found) -> str:
    """What a query's LDS goes with."""
    rows = sorted(queries["goes_with"].items(), key=lambda one: -abs(one[1][0]))
    return table(
        ["of a query", "Spearman with its LDS"], [[name, interval(figures, 2)] for name, figures in rows]
    )


def averaged_table(queries: Found) -> str:
    """LDS of the mean over so many queries."""
    rows = [
        [
            count,
            f"{mean:+.2f}",
            f"{low:+.2f} to {high:+.2f}" if low != high else "",
        ]
        for count, (mean, low, high) in queries["averaged"].items()
    ]
    return table(["queries in the mean", "LDS", "middle 95% of draws of queries"], rows)


def provenance(found: Found) -> str:
    """Versions, hardware, date and command, in one line."""
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return f"<sub>{found['hardware']['cpu']}, one process, one thread; {versions}; {found['date']} UTC; `{found['command']}`.</sub>"


def _plain(values: Sequence[float]) -> str:
    return f"{values[0]:+.2f} ({values[1]:+.2f} to {values[2]:+.2f})"


def _difference(one: Found, name: str, digits: int = 2) -> str:
    return "" if one["name"] == "default" else interval(one["minus_default"][name], digits)


def _ends(values: Sequence[float], how: str = "+.2f") -> str:
    return f"{min(values):{how}}, {max(values):{how}}"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description="docs/fragility.md from the results")
    parser.add_argument("--results", type=Path, default=RESULTS / "fragility.json")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "fragility.md")
    args = parser.parse_args()
    args.output.write_text(page(json.loads(args.results.read_text())), encoding="utf-8")


if __name__ == "__main__":
    main()
