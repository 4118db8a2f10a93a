"""How well every score of a run predicts what training on parts of the pool does to each group of queries."""

import json
from dataclasses import asdict, dataclass

import numpy as np

from curation.errors import ScoringError
from curation.store.catalogue import Catalogue
from curation.store.columns import score_by_trace, score_names
from curation.store.frame import frame_of
from curation.store.project import Project
from curation.store.publish import write_whole
from curation.store.query_values import query_values
from curation.validation.agreement_findings import INFLUENCE
from curation.validation.bank import Bank
from curation.validation.lds import Floats, Lds, ceiling, lds

# Scores whose groups a report is about.
ALONG = (INFLUENCE, "trajectory/")


@dataclass(frozen=True)
class LdsRow:
    """A score's LDS for a group of queries."""

    score: str
    group: str
    lds: Lds


@dataclass(frozen=True)
class LdsReport:
    """Every score's LDS, best first in each group.

    Attributes:
        run_id: The run whose scores they are.
        rows: One a score and group.
        ceilings: What two seeds agree on, by group; None with one seed.
    """

    run_id: str
    rows: tuple[LdsRow, ...]
    ceilings: dict[str, float | None]

    @property
    def markdown(self) -> str:
        """The report for people."""
        lines = [
            "| score | queries | LDS of their mean | 95% interval | mean LDS of single queries |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {row.score} | {row.group} | {row.lds.mean_query:+.2f} | {row.lds.low:+.2f} to {row.lds.high:+.2f} | {row.lds.single:+.2f} |"
            for row in self.rows
        ]
        known = {group: value for group, value in self.ceilings.items() if value is not None}
        parts = self.rows[0].lds.parts if self.rows else 0
        said = f"{parts:,} parts; the interval is a bootstrap over parts. A score's sign is as it is stored: negative where high is bad."
        if known:
            agreed = ", ".join(f"{group} {value:+.2f}" for group, value in known.items())
            said += f" Two seeds of the same parts agree at {agreed}: no score can be expected above."
        return "\n".join([*lines, "", said])


def lds_report(catalogue: Catalogue, run_id: str, bank: Bank) -> LdsReport:
    """Measure every score of a run against a bank, the mean over seeds.

    Raises:
        ScoringError: The run has no influence on the bank's queries.
    """
    frame, names = frame_of(catalogue), score_names(catalogue, run_id)
    measured = bank.log_likelihood.mean(1)
    place = {query_id: number for number, query_id in enumerate(bank.query_ids)}
    rows, ceilings = [], {}
    of_group = dict(catalogue.rows('SELECT query_id, "group" FROM queries'))
    for group in dict.fromkeys(name.partition("/")[2] for name in names if name.startswith(ALONG)):
        of_queries = query_values(catalogue, run_id, group, frame.names)
        split = f"{INFLUENCE}{group}" in names and bool(of_queries.query_ids)
        asked = (
            of_queries.query_ids if split else [one for one in bank.query_ids if of_group.get(one) == group]
        )
        known = [one for one in asked if one in place]
        if not known:
            continue
        columns = [place[one] for one in known]
        ceilings[group] = ceiling(bank.log_likelihood[:, :, columns])
        found = []
        if split:
            scores: Floats = np.full((len(known), len(frame)), np.nan)
            inside = [frame.index(one) for one in of_queries.trace_ids]
            scores[:, inside] = of_queries.values[[of_queries.query_ids.index(one) for one in known]]
            found = [LdsRow(f"{INFLUENCE}{group}", group, lds(scores, bank.inside, measured[:, columns]))]
        for name in names:
            if not split or name != f"{INFLUENCE}{group}":
                values = score_by_trace(catalogue, run_id, name)[None]
                found.append(LdsRow(name, group, lds(values, bank.inside, measured[:, columns])))
        rows += sorted(found, key=lambda row: -np.nan_to_num(row.lds.mean_query, nan=-2.0))
    if not rows:
        raise ScoringError(
            "The run has no influence on the queries that the retrained models were asked about."
        )
    return LdsReport(run_id, tuple(rows), ceilings)


def keep_report(project: Project, report: LdsReport) -> None:
    """Write a report down, where `kept_report` finds it."""
    folder = project.root / "validation" / "lds"
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{report.run_id}.json", json.dumps(asdict(report)).encode())


def kept_report(project: Project, run_id: str) -> LdsReport | None:
    """The last report about a run; None if there is none, or its file is damaged."""
    try:
        kept = json.loads(
            (project.root / "validation" / "lds" / f"{run_id}.json").read_text(encoding="utf-8")
        )
        rows = tuple(LdsRow(one["score"], one["group"], Lds(**one["lds"])) for one in kept["rows"])
        return LdsReport(kept["run_id"], rows, kept["ceilings"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
