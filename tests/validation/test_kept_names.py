"""Trainings and runs are found under the names that they had before the optimiser was one of the settings."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from curation.models.train_settings import FULL, LORA, TrainSettings
from curation.scoring.trajectory.request import TrajectoryRequest
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.project import create_project
from curation.store.queries import publish_queries
from curation.traces.query import Query
from curation.traces.trace import Trace
from curation.validation.arms import Arm
from curation.validation.problems import Problem
from curation.validation.retrains import BankPlan, bank_key
from curation.validation.trials import Training, trial_path
from tests.projects import add_batch

SOME = TrainSettings(learning_rate=2e-3, warmup=0.05, epochs=4, batch_size=32, at_once=32)


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalogue]:
    """A project with fixed content, and a model folder with fixed content at a fixed relative path."""
    monkeypatch.chdir(tmp_path)
    Path("model").mkdir()
    Path("model/config.json").write_text("{}")
    project = create_project(tmp_path / "project", template="plain")
    add_batch(project, [Trace("1 + 1 = ?", "It is 2."), Trace("2 + 2 = ?", "It is 4.")])
    publish_queries(project, [Query("gold", "3 + 3 = ?", "6", True)], source="by hand")
    opened = open_catalogue(project)
    yield opened
    opened.close()


def names(catalogue: Catalogue, settings: TrainSettings) -> tuple[str, str, str]:
    """Of a trial, of a bank, and of a run along a training."""
    training = Training("model", "1234", settings, lora=False, steps=128)
    problems = [Problem("1 + 1 = ?", "2", "2")]
    return (
        trial_path(catalogue.project, Arm("all", None, ("a", "b")), 1, training, problems).name,
        bank_key(catalogue, BankPlan("model", settings, lora=True, equal_steps=False)),
        run_key(settings),
    )


def run_key(settings: TrainSettings, **more: Any) -> str:
    request = TrajectoryRequest("model", settings, **more)
    return request.key(revision="1234", files=["batches/0001.duckdb"], template="auto")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (FULL, ("all-1-e6b7862fe3d7.json", "b73e1c88a4f3", "192c794dba72")),
        (LORA, ("all-1-13d19c972436.json", "6f24a15ec3e4", "825510e07161")),
        (SOME, ("all-1-ebd4b9146a33.json", "3c87dbb58eaa", "de3030687508")),
    ],
)
def test_the_defaults_change_no_name(
    catalogue: Catalogue, settings: TrainSettings, expected: tuple[str, str, str]
) -> None:
    assert names(catalogue, settings) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [({"optimizer": "sgd"}, "e588373d202a"), ({"eps": 1e-3}, "045185dc861e")],
)
def test_a_run_with_another_optimiser_is_found_too(change: dict[str, Any], expected: str) -> None:
    assert run_key(replace(SOME, **change), groups=("gold",)) == expected


@pytest.mark.parametrize("change", [{"optimizer": "sgd"}, {"eps": 1e-3}])
def test_another_optimiser_has_a_name_of_its_own(catalogue: Catalogue, change: dict[str, Any]) -> None:
    usual, other = names(catalogue, SOME), names(catalogue, replace(SOME, **change))
    assert all(one != another for one, another in zip(usual, other, strict=True))


def test_a_run_with_drawn_weights_has_a_name_of_its_own() -> None:
    assert run_key(SOME, drawn=False) == run_key(SOME) != run_key(SOME, drawn=True)


def test_what_decides_leaves_out_only_later_settings_at_their_defaults() -> None:
    assert {"optimizer": "adamw", "eps": 1e-8, **SOME.deciding()} == asdict(SOME)
    assert not {"optimizer", "eps"} & set(SOME.deciding())
    other = replace(SOME, optimizer="sgd", eps=1e-3)
    assert other.deciding() == asdict(other)
