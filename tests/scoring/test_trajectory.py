"""A run of trajectory influence on a small project: what it publishes, resuming, refusals."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from curation.errors import ModelError, ScoringError
from curation.models.train import TrainSettings
from curation.scoring.progress import Progress
from curation.scoring.trajectory.replays import mean_of_replays
from curation.scoring.trajectory.request import TrajectoryRequest
from curation.scoring.trajectory.trajectory import trajectory
from curation.store.catalogue import open_catalogue
from curation.store.project import Project, create_project, open_project
from curation.traces.trace import Trace
from tests.scoring.conftest import TRACES, fill, values

SETTINGS = TrainSettings(learning_rate=5e-3, warmup=0.2, epochs=3, batch_size=8, at_once=8)
FAMILIES = ("metagradient", "trajectory")


@pytest.fixture
def request_(model_folder: Path) -> TrajectoryRequest:
    return TrajectoryRequest(str(model_folder), SETTINGS, device="cpu")


class Killed(Exception):
    pass


def test_a_run_has_every_form_for_every_group_and_early_and_late_add_up(
    project: Project, request_: TrajectoryRequest
) -> None:
    done = trajectory(project, request_)
    found = values(project, done.run_id)
    names = {name for name, _ in found}
    halves = {f"{family}{part}" for family in FAMILIES for part in ("", "-early", "-late")}
    kinds = {*halves, "tracin"}
    assert names == {f"{kind}/{group}" for kind in kinds for group in ("gold", "incorrect")} | {
        "tokens",
        "steps",
    }
    for trace in TRACES:
        for family in FAMILIES:
            early, late, whole = (
                found[f"{family}{part}/gold", trace.trace_id] for part in ("-early", "-late", "")
            )
            assert early + late == whole != 0
            assert early != 0 != late
    again = trajectory(project, request_)
    assert (again.run_id, again.already_there) == (done.run_id, True)


def test_a_killed_run_goes_on_and_ends_with_the_same_bits(
    project: Project, tmp_path: Path, request_: TrajectoryRequest
) -> None:
    other = fill(create_project(tmp_path / "other"), TRACES)
    whole = trajectory(project, request_)
    kills, deaths = [("replaying", 4), ("going back", 2), ("going back", 5), ("going back", 8)], 0

    def kill(moment: Progress) -> None:
        if kills and moment.stage == kills[0][0] and moment.done >= kills[0][1]:
            kills.pop(0)
            raise Killed

    while True:
        try:
            continued = trajectory(other, request_, on_progress=kill)
            break
        except Killed:
            deaths += 1
    assert deaths == 4
    assert values(other, continued.run_id) == values(project, whole.run_id)
    assert not list((other.root / "runs").glob("*.part"))


def test_plain_descent_and_an_adapter_go_the_whole_way_too(
    project: Project, request_: TrajectoryRequest
) -> None:
    settings = replace(SETTINGS, learning_rate=0.1, lora_rank=2, lora_alpha=4)
    for chosen, lora in ((replace(settings, optimizer="sgd"), False), (settings, True)):
        done = trajectory(project, replace(request_, settings=chosen, lora=lora))
        found = values(project, done.run_id)
        assert all(found["metagradient/gold", one.trace_id] for one in TRACES)
        catalogue = open_catalogue(project)
        ((covered,),) = catalogue.rows("SELECT coverage FROM run WHERE run_id = ?", [done.run_id])
        catalogue.close()
        assert (json.loads(covered)["share"] < 1) == lora


def test_without_the_exact_form_the_others_are_the_same(
    project: Project, request_: TrajectoryRequest
) -> None:
    whole = values(project, trajectory(project, request_).run_id)
    cheap = values(project, trajectory(project, replace(request_, exact=False, groups=("gold",))).run_id)
    assert {name for name, _ in cheap if name.startswith(("meta", "tra"))} == {
        "trajectory/gold",
        "trajectory-early/gold",
        "trajectory-late/gold",
        "tracin/gold",
    }
    assert all(value == pytest.approx(whole[key], rel=1e-4) for key, value in cheap.items())


def test_with_drawn_weights_another_seed_weighs_the_traces_otherwise(
    project: Project, request_: TrajectoryRequest
) -> None:
    settings = replace(SETTINGS, shuffled=False)  # So that a seed decides the weights alone.
    runs = [
        trajectory(
            project, replace(request_, settings=replace(settings, seed=seed), exact=False, drawn=drawn)
        )
        for drawn in (False, True)
        for seed in (0, 1)
    ]
    even, _, *drawn = (values(project, run.run_id) for run in runs)
    assert even["trajectory/gold", TRACES[0].trace_id] not in {
        one["trajectory/gold", TRACES[0].trace_id] for one in drawn
    }
    assert drawn[0] != drawn[1]
    assert "in the mean of several replays" in runs[2].notes[1]
    assert len({run.run_id for run in runs}) == 4
    told: list[str] = []
    asked = replace(request_, settings=settings, exact=False, drawn=True)
    averaged = mean_of_replays(project, asked, 2, on_progress=lambda moment: told.append(moment.stage))
    assert told == []  # Both replays were there.
    mean = values(project, averaged.run_id)
    for one in TRACES:
        parts = [found["trajectory/gold", one.trace_id] for found in drawn]
        assert mean["trajectory/gold", one.trace_id] == pytest.approx(sum(parts) / 2)


def test_a_killed_series_of_replays_keeps_what_was_done(
    project: Project, tmp_path: Path, request_: TrajectoryRequest
) -> None:
    asked = replace(request_, exact=False, drawn=True)
    whole = mean_of_replays(fill(create_project(tmp_path / "other"), TRACES), asked, 3)
    told: list[str] = []

    def kill(moment: Progress) -> None:
        told.append(moment.stage)
        if moment.stage == "2 of 3, going back" and moment.done >= 2:
            raise Killed

    with pytest.raises(Killed):
        mean_of_replays(project, asked, 3, on_progress=kill)
    assert "1 of 3, replaying" in told
    told.clear()
    continued = mean_of_replays(project, asked, 3, on_progress=lambda moment: told.append(moment.stage))
    assert not [stage for stage in told if stage.startswith("1 of 3")]
    assert values(project, continued.run_id) == values(open_project(tmp_path / "other"), whole.run_id)
    with pytest.raises(ScoringError, match="0 replays cannot be done"):
        mean_of_replays(project, asked, 0)


def test_a_trace_that_no_training_can_use_has_no_score(tmp_path: Path, request_: TrajectoryRequest) -> None:
    long = Trace("add " * 80, "3")
    project = fill(create_project(tmp_path / "long"), [*TRACES, long])
    done = trajectory(project, request_)
    assert "1 traces are too long" in done.notes[-1]
    found = values(project, done.run_id)
    assert found["trajectory/gold", long.trace_id] is None
    catalogue = open_catalogue(project)
    assert catalogue.rows("SELECT trace_id FROM unscored") == [(long.trace_id,)]
    catalogue.close()


def test_one_trace_and_one_step_are_enough(tmp_path: Path, request_: TrajectoryRequest) -> None:
    project = fill(create_project(tmp_path / "one"), TRACES[:1])
    settings = replace(SETTINGS, epochs=1, warmup=0)
    found = values(project, trajectory(project, replace(request_, settings=settings)).run_id)
    key = TRACES[0].trace_id
    assert (
        found["trajectory/gold", key] == found["tracin/gold", key] == found["trajectory-late/gold", key] != 0
    )
    assert found["trajectory-early/gold", key] == 0


def test_what_cannot_be_done_is_refused_in_a_sentence(
    project: Project, tmp_path: Path, request_: TrajectoryRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ScoringError, match="no query group 'golden'; choose from gold, incorrect"):
        trajectory(project, replace(request_, groups=("golden",)))
    with pytest.raises(ScoringError, match="there are none; add some with `curation queries"):
        trajectory(fill(create_project(tmp_path / "mute"), TRACES, with_queries=False), request_)
    with pytest.raises(ScoringError, match="no traces; bring some in"):
        trajectory(create_project(tmp_path / "empty"), request_)
    with pytest.raises(ModelError, match="no longer finite after"):
        trajectory(project, replace(request_, settings=replace(SETTINGS, learning_rate=1e30)))
    with pytest.raises(ScoringError, match="replayed in float32 or float64, not in 'bfloat16'"):
        replace(request_, dtype="bfloat16")
    monkeypatch.setattr("curation.scoring.trajectory.room.available", lambda device: 1000)
    with pytest.raises(
        ScoringError, match=r"takes about .* GB of memory, and 0\.0 GB are free; train an adapter"
    ):
        trajectory(project, request_)
