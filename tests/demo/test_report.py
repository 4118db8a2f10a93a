from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from curation.demo.report import planted_report
from curation.store.catalogue import open_catalogue
from curation.store.database import load
from curation.store.project import Project, create_project
from curation.store.publish import publishing
from curation.store.schema import BATCH, RUN

# trace: (metadata, influence/gold, perplexity)
TRACES = {
    "a": ('{"planted": "filler"}', -3.0, 9.0),
    "b": ('{"planted": "systematic", "rare": true}', -2.0, 1.0),
    "c": ('{"planted": "none", "rare": true}', 5.0, 8.0),
    "d": ('{"planted": "none", "rare": false}', -2.5, 2.0),
    "e": ('{"planted": "none"}', 1.0, None),
    "f": ('{"planted": "filler"}', 2.0, None),
}


def project_with(root: Path, metadata: dict[str, str]) -> Project:
    project = create_project(root)
    rows = pa.table({"trace_id": list(metadata), "metadata": list(metadata.values())})
    with publishing(project.root / "batches", BATCH) as connection:
        load(connection, "traces", rows)
        load(connection, "duplicates", pa.table({"trace_id": ["a"], "source_row": [7]}))
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = project_with(tmp_path / "p", {name: row[0] for name, row in TRACES.items()})
    scores = [(name, "influence/gold", row[1]) for name, row in TRACES.items()]
    scores += [(name, "perplexity", row[2]) for name, row in TRACES.items()]
    ids, names, values = zip(*scores, strict=True)
    with publishing(project.root / "runs", RUN, name="run-1") as connection:
        load(connection, "run", pa.table({"run_id": ["run-1"], "finished": [datetime(2026, 1, 1)]}))
        load(
            connection,
            "scores",
            pa.table({"trace_id": ids, "name": names, "value": pa.array(values, pa.float64())}),
        )
    return project


def test_the_report_counts_what_a_ranking_finds(project: Project) -> None:
    report = planted_report(open_catalogue(project), scores=["influence/gold", "rsr"])
    assert report is not None
    assert (report.run_id, report.traces, report.planted, report.copies) == ("run-1", 6, 3, 1)
    (ranking,) = report.rankings
    # The lowest three are a, d, b; of the nine pairs flawed-clean, a beats three, b two, f one.
    assert (ranking.suspicious, ranking.depth) == ("lowest", 3)
    overall = ranking.overall
    assert (overall.planted, overall.found, overall.by_chance) == (3, 2, 1.5)
    assert overall.auc == pytest.approx(6 / 9)
    assert ranking.rare_auc == 1.0
    filler, systematic = ranking.kinds
    assert (filler.kind, filler.planted, filler.found, filler.by_chance) == ("filler", 2, 1, 1.0)
    assert filler.auc == pytest.approx(4 / 6)
    assert (systematic.kind, systematic.found, systematic.auc) == ("systematic", 1, pytest.approx(2 / 3))


def test_high_perplexity_is_suspicious_and_a_missing_value_is_not(project: Project) -> None:
    report = planted_report(open_catalogue(project), scores=["perplexity"])
    assert report is not None
    (ranking,) = report.rankings
    # Highest: a 9, c 8, d 2; then b 1; e and f have none and tie last.
    assert (ranking.suspicious, ranking.overall.found) == ("highest", 1)
    assert ranking.overall.auc == pytest.approx((3 + 1 + 0.5) / 9)
    assert ranking.rare_auc == 0.0


def test_a_project_without_planted_flaws_or_without_a_run_has_no_report(tmp_path: Path) -> None:
    plain = project_with(tmp_path / "plain", {"a": '{"level": 3}', "b": "{}"})
    assert planted_report(open_catalogue(plain)) is None
    unscored = project_with(tmp_path / "unscored", {"a": '{"planted": "filler"}'})
    assert planted_report(open_catalogue(unscored)) is None
