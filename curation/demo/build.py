"""The demo project, from nothing to a scored pool: traces with planted flaws, and a model trained on them."""

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.demo.answers import greedy_answers
from curation.demo.make_base import BASE
from curation.demo.one_thread import one_thread
from curation.demo.pool import MIX, Mix, Pool, make_pool
from curation.demo.problems import right_response
from curation.errors import ProjectError
from curation.models.train import TrainSettings, train
from curation.scoring.map import make_map
from curation.scoring.request import ScoreRequest
from curation.scoring.score import score
from curation.selection.recipes import Recipe
from curation.selection.saved import list_selections, save_selection
from curation.store.catalogue import open_catalogue
from curation.store.ingest import ingest
from curation.store.project import Project, create_project, open_project
from curation.store.publish import write_whole
from curation.store.queries import add_queries

SETTINGS = TrainSettings(learning_rate=2e-3, warmup=0.05, epochs=4, batch_size=32, at_once=32)
SELECTIONS = {
    "half-influence": Recipe("influence-consensus", keep=0.5, group="gold"),
    "most-influence": Recipe("influence-consensus", keep=0.8, group="gold"),
    "half-random": Recipe("random", keep=0.5),
}
OnStage = Callable[[str, float | None], None]


@dataclass(frozen=True)
class DemoSettings:
    """What decides a demo project.

    Attributes:
        seed: Of the pool.
        mix: What the pool is made of.
        validation: Problems whose answers become queries.
        training: How the base model is fine-tuned on the pool.
        checkpoints: How many of that training are kept; the weights at its end are the same with any number.
    """

    seed: int = 0
    mix: Mix = MIX
    validation: int = 100
    training: TrainSettings = SETTINGS
    checkpoints: int = 0


DEMO = DemoSettings()


@dataclass(frozen=True)
class _Files:
    """Where a demo keeps what its project was made from."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / "demo"

    @property
    def pool(self) -> Path:
        return self.folder / "pool.jsonl"

    @property
    def gold(self) -> Path:
        return self.folder / "gold.jsonl"

    @property
    def answers(self) -> Path:
        return self.folder / "answers.jsonl"

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def finished(self) -> Path:
        return self.folder / "finished"


def build_demo(root: Path, *, settings: DemoSettings = DEMO, on_progress: OnStage | None = None) -> Project:
    """Make the demo project, or finish one that was begun; a finished one is opened as it is.

    Args:
        root: The project's folder.
        settings: What to make.
        on_progress: Called with the stage in words and its share that is done, None where that is not known.

    Raises:
        ProjectError: The folder holds something else, or a demo that was begun with other settings.
    """
    files = _Files(root)
    if files.finished.exists():
        return open_project(root)
    tell = on_progress or (lambda stage, share: None)
    pool = make_pool(settings.seed, mix=settings.mix, validation=settings.validation)
    project = _begin(root, pool)
    tell("reading the traces", None)
    ingest(project, str(files.pool))
    with one_thread():
        if not files.model.exists():
            _train(pool, files.model, settings, tell)
        _add_queries(project, files, pool, tell)
        run_id = _score(project, files, pool, tell)
    if not project.maps:
        tell("drawing the map", None)
        make_map(project, run_id=run_id)
    for name, recipe in SELECTIONS.items():
        if name not in list_selections(project):
            save_selection(project, name, recipe)
    write_whole(files.finished, b"")
    return project


def _begin(root: Path, pool: Pool) -> Project:
    """Make the project with the files that it reads beside its place: all of it is there, or nothing."""
    files = _Files(root)
    if (root / "project.toml").exists():
        if not files.pool.exists() or files.pool.read_bytes() != pool_rows(pool):
            raise ProjectError(f"{root} is another project; choose a new folder for the demo.")
        return open_project(root)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise ProjectError(f"{root} is there and not empty; choose a new folder for the demo.")
    part = root.with_name(f"{root.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    create_project(part, name="Arithmetic with planted flaws", template="plain")
    _Files(part).folder.mkdir()
    write_whole(_Files(part).pool, pool_rows(pool))
    write_whole(_Files(part).gold, gold_rows(pool))
    part.rename(root)
    return open_project(root)


def pool_rows(pool: Pool) -> bytes:
    """The pool's traces as the JSON lines that `ingest` reads."""
    return _lines(
        {"prompt": trace.prompt, "response": trace.response, "answer": trace.answer, **trace.metadata}
        for trace in pool.traces
    )


def gold_rows(pool: Pool) -> bytes:
    """Right completions of the validation problems as the JSON lines that `add_queries` reads."""
    return _lines(
        {"prompt": problem.prompt, "completion": right_response(problem)} for problem in pool.validation
    )


def _lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def _train(pool: Pool, output: Path, settings: DemoSettings, tell: OnStage) -> None:
    """Fine-tune the shipped base model on every trace of the pool once, flaws and all."""
    different = list({trace.trace_id: trace for trace in pool.traces}.values())
    train(
        str(BASE),
        different,
        output,
        template="plain",
        settings=settings.training,
        device="cpu",
        checkpoints=settings.checkpoints,
        on_progress=lambda done, total: tell("training the model on the pool", done / total),
    )


def _add_queries(project: Project, files: _Files, pool: Pool, tell: OnStage) -> None:
    """Gold completions of the validation problems, and the trained model's own right and wrong ones."""
    catalogue = open_catalogue(project)
    there = {group for (group,) in catalogue.rows('SELECT DISTINCT "group" FROM queries')}
    catalogue.close()
    if "gold" not in there:
        add_queries(project, str(files.gold), group="gold")
    if "correct" not in there and "incorrect" not in there:
        tell("answering the validation problems", None)
        answered = greedy_answers(files.model, pool.validation)
        rows = (
            {"prompt": each.problem.prompt, "completion": each.completion, "is_correct": each.is_correct}
            for each in answered
        )
        write_whole(files.answers, _lines(rows))
        add_queries(project, str(files.answers), group=None)


def _score(project: Project, files: _Files, pool: Pool, tell: OnStage) -> str:
    """Every score; the run's id."""
    every = str(len(pool.traces))  # as a number, which keeps the values of tokens too
    request = ScoreRequest(model=str(files.model), device="cpu", dtype="float32", steps=every)
    scored = score(
        project, request, on_progress=lambda now: tell(now.stage, now.done / now.total if now.total else None)
    )
    return scored.run_id
