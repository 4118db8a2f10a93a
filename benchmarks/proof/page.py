"""docs/proof.md, written from benchmarks/results/proof.json: `python -m benchmarks.proof.page`."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import RESULTS
from benchmarks.markdown import filled, interval, percent, table, value
from benchmarks.measure import ROOT
from benchmarks.proof.detection import AGAINST_RARE, ALL
from benchmarks.proof.gentle import gentle_tables
from benchmarks.proof.gsm8k_found import gsm8k_tables
from benchmarks.proof.masked import OWN
from benchmarks.proof.plan import EVERYTHING, ORACLE, RANDOM

Found = Mapping[str, Any]
WORDS = Path(__file__).parent / "words"


def page(found: Found, gsm8k: Found, gentle: Found) -> str:
    """The whole page: words from benchmarks/proof/words, tables from the figures of the demo's pools, of GSM8K and of a gentler training."""
    parts = {
        "accuracy": accuracy_table(found["scores"]),
        "paired": paired_table(found["default"], found["default_minus"]),
        "likelihood": likelihood_table(found["scores"]),
        "detection": detection_table(found["scores"]),
        "kept": kept_table(found["scores"]),
        "plain": accuracy_table(found["random_flaws_only"]["scores"]),
        "plain_paired": paired_table(found["default"], found["random_flaws_only"]["default_minus"]),
        "lds": "\n\n".join(lds_table(protocol, groups) for protocol, groups in found["lds"].items()),
        "steps": steps_table(found),
        "ensembles": "\n\n".join(paired_table(*one) for one in found.get("ensembles", {}).items()),
        "masked": masked_table(found.get("masked", {})),
        "provenance": provenance(found),
        "gsm8k": gsm8k_tables(gsm8k),
        "gentle": gentle_tables(gentle),
    }
    return filled(WORDS, parts)


def accuracy_table(scores: Found) -> str:
    """A recipe a line: accuracy after pruning, against random, and the share of the oracle's gain."""
    shares = list(scores[RANDOM]["accuracy"])
    header = ["recipe"]
    for share in shares:
        header += [f"accuracy, {percent(share)} pruned", "minus random", "share of the oracle's gain"]
    rows = []
    for name, figures in _best_first(scores, shares[0]):
        line = [f"`{name}`"]
        for share in shares:
            line += [
                value(figures["accuracy"].get(share, [None])[0]),
                interval(figures.get("minus_random", {}).get(share)),
                value(figures.get("oracle_share", {}).get(share), 2),
            ]
        rows.append(line)
    everything = scores[EVERYTHING]["accuracy"]["0"][0]
    return f"{table([*header, 'passes'], [[*line, _passes(scores, line[0])] for line in rows])}\n\nTrained on everything, flaws and all: {everything:.3f}."


def paired_table(default: str, minus: Found) -> str:
    """The default recipe's accuracy minus each other one's."""
    shares = list(next(iter(minus.values())))
    rows = [[f"`{other}`", *(interval(of[share]) for share in shares)] for other, of in minus.items()]
    return table([f"`{default}` minus", *(f"{percent(share)} pruned" for share in shares)], rows)


def likelihood_table(scores: Found) -> str:
    """The same in log-likelihood of the test problems' solutions, which has less noise than accuracy."""
    shares = list(scores[RANDOM]["log_likelihood"])
    header = ["recipe"]
    for share in shares:
        header += [f"nats a token, {percent(share)} pruned", "minus random", "share of the oracle's gain"]
    rows = []
    for name, figures in _best_first(scores, shares[0], "oracle_share_log_likelihood"):
        line = [f"`{name}`"]
        for share in shares:
            line += [
                value(figures["log_likelihood"][share][0], 4),
                interval(figures.get("minus_random_log_likelihood", {}).get(share), 4),
                value(figures.get("oracle_share_log_likelihood", {}).get(share), 2),
            ]
        rows.append(line)
    return table(header, rows)


def detection_table(scores: Found) -> str:
    """ROC-AUC of each recipe's ranking for each kind of flaw."""
    kinds = list(scores[RANDOM]["auc"])
    ordered = [ALL, AGAINST_RARE, *(kind for kind in kinds if kind not in (ALL, AGAINST_RARE))]
    rows = [
        [f"`{name}`", *(value(figures["auc"].get(kind), 2) for kind in ordered)]
        for name, figures in sorted(scores.items(), key=lambda one: -one[1].get("auc", {}).get(ALL, 0))
        if "auc" in figures
    ]
    return table(["recipe", *(f"{kind} flaws" if kind == ALL else kind for kind in ordered)], rows)


def kept_table(scores: Found) -> str:
    """What is left after pruning."""
    shares = list(scores[RANDOM]["kept"])
    header = ["recipe"]
    for share in shares:
        header += [
            f"rare but right kept, {percent(share)} pruned",
            "flawed kept",
            "systematic ones among them",
        ]
    rows = []
    for name, figures in _best_first(scores, shares[0]):
        line = [f"`{name}`"]
        for share in shares:
            left = figures["kept"][share]
            line += [
                f"{left['rare kept']:.0%}",
                f"{left['flawed kept']:.1f}",
                f"{left['systematic kept']:.1f}",
            ]
        rows.append(line)
    return table(header, rows)


def lds_table(protocol: str, groups: Found) -> str:
    """The best scores and those that recipes use, for each group."""
    lines = [f"**{protocol.capitalize()}**"]
    for group, of in groups.items():
        ceiling = of["ceiling"]
        shown = _shown(of["scores"], group)
        rows = [
            [f"`{name}`", f"{value[0]:+.2f}", f"{value[1]:+.2f} to {value[2]:+.2f}", f"{value[3]:+.2f}"]
            for name, value in sorted(shown.items(), key=lambda one: -one[1][0])
        ]
        said = "" if ceiling is None else f" (two seeds agree at {ceiling:+.2f})"
        head = [
            f"score, on {group}{said}",
            "LDS of the mean query",
            "95% interval",
            "mean LDS of single queries",
        ]
        lines.append(table(head, rows))
    return "\n\n".join(lines)


def _shown(scores: Found, group: str) -> dict[str, Sequence[float]]:
    """Scores of the group itself, and those that know no group."""
    return {
        name: value
        for name, value in scores.items()
        if name.partition("/")[2] in ("", group)
        and name not in ("tokens", "steps", "nll")
        and value[0] == value[0]
    }


def steps_table(found: Found) -> str:
    """How often the worst step of a flagged trace is the planted one."""
    rows = [[name, f"{share:.2f}"] for name, share in found["steps"].items()]
    return table([f"worst step of {found['flagged']:,} flagged traces by", "is the planted one"], rows)


def masked_table(masked: Found) -> str:
    """Accuracy with so many of the tokens lost, to masked steps or to dropped traces."""
    shares = list(dict.fromkeys(share for of in masked.values() for share in of if share != OWN))
    rows = []
    for name, of in masked.items():
        if OWN in of:
            own = of[OWN]
            label = name if name == EVERYTHING else f"{name}, {own['tokens']:.1%} of the tokens"
            rows.append([label, f"{own['accuracy'][0]:.3f}", *["" for _ in shares[1:]]])
        else:
            rows.append(
                [
                    f"`{name}`",
                    *(
                        f"{of[share]['accuracy'][0]:.3f}, {interval(of[share]['minus_everything'])}"
                        for share in shares
                    ),
                ]
            )
    return table(
        ["accuracy, and minus everything", *(f"{percent(share)} of the tokens" for share in shares)], rows
    )


def provenance(found: Found) -> str:
    """Versions, hardware, date and command, in one line."""
    on = found["hardware"]
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return (
        f"<sub>{on['cpu']}, {on['cores_used']} cores, a process each, one thread; {versions}; {found['date']} UTC; "
        f"`{found['command']}`.</sub>"
    )


def _best_first(scores: Found, share: str, by: str = "oracle_share") -> list[tuple[str, Any]]:
    compared = [(name, figures) for name, figures in scores.items() if name != EVERYTHING]

    def place(one: tuple[str, Any]) -> tuple[bool, bool, float]:
        return one[0] != ORACLE, one[0] == RANDOM, -one[1].get(by, {}).get(share, 0.0)

    return sorted(compared, key=place)


def _passes(scores: Found, cell: str) -> str:
    passes = scores[cell.strip("`")].get("passes")
    return "-" if passes is None else f"{passes:.1f}"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description="docs/proof.md from the results")
    parser.add_argument("--results", type=Path, default=RESULTS / "proof.json")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "proof.md")
    args = parser.parse_args()
    beside = [json.loads((RESULTS / f"{name}.json").read_text()) for name in ("gsm8k", "gentle")]
    args.output.write_text(page(json.loads(args.results.read_text()), *beside), encoding="utf-8")


if __name__ == "__main__":
    main()
