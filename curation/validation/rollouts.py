"""Rollouts: a model's own answers to problems become the query groups that influence is measured on (METHODS 1)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from curation.errors import ModelError
from curation.models.load import load_model
from curation.models.sampling import GREEDY, Sampling
from curation.models.served import REQUESTS, served_model
from curation.models.server import Server
from curation.scoring.progress import OnProgress, Reporter
from curation.store.catalogue import open_catalogue
from curation.store.kept_answers import FOLDER, Answer
from curation.store.project import Project
from curation.store.queries import publish_queries
from curation.traces.query import Query
from curation.traces.rows import Unreadable
from curation.traces.shapes import RECOGNISED, Fields
from curation.validation.answer_groups import group_names, group_queries
from curation.validation.answers import ASKING, Asking, Model, answers_path, ask
from curation.validation.contrast import CONTRAST, contrast_queries
from curation.validation.problems import read_problems
from curation.validation.tally import Tally, tally


@dataclass(frozen=True)
class Serving:
    """That models are asked at a server.

    Attributes:
        server: Where. The base model, if there is one, is asked there too, by its own name.
        name: The model's name there; that of its folder or hub id if "".
        requests: How many prompts are asked at a time.
    """

    server: Server
    name: str = ""
    requests: int = REQUESTS


@dataclass(frozen=True)
class RolledOut:
    """What rollouts did.

    Attributes:
        model: How the model did.
        base: How the base model did; None if there is none.
        added: Group -> new queries in it.
        notes: What a reader should know, as sentences.
    """

    model: Tally
    base: Tally | None
    added: dict[str, int]
    notes: list[str] = field(default_factory=list)


def rollouts(
    project: Project,
    source: str,
    *,
    model: str,
    adapter: str = "",
    base: str | None = None,
    fields: Fields = RECOGNISED,
    split: str | None = None,
    limit: int | None = None,
    asking: Asking = ASKING,
    sampling: Sampling = GREEDY,
    contrast: bool = False,
    make_queries: bool = True,
    serving: Serving | None = None,
    device: str = "auto",
    dtype: str = "float32",
    on_progress: OnProgress | None = None,
    on_rejected: Callable[[Unreadable], None] | None = None,
) -> RolledOut:
    """Let a model answer problems, grade its answers and publish them as query groups.

    Every answer is kept in `rollouts/`. Killed, the same call continues; called again, it repeats nothing.

    Args:
        project: The project.
        source: The problems, in any shape that traces come in.
        model: Folder or hub id; with `serving`, of the tokenizer that the served model is scored with.
        adapter: A PEFT adapter on the model.
        base: The model before fine-tuning; adds the groups of what changed.
        fields: Names of the columns; what is not named is recognised.
        split: Of a dataset with splits, which one.
        limit: At most this many problems.
        asking: Limits.
        sampling: How many answers a problem gets, and how they are drawn.
        contrast: Add the group of contrasts (see `validation.contrast`).
        make_queries: Publish the groups; else answers are only kept, as those to the problems of the traces themselves
            should be, which say how difficult these are.
        serving: Where the model is served; None loads it here.
        device: Where it is loaded.
        dtype: Of its weights and activations.
        on_progress: Told how far it is.
        on_rejected: Called with each row that is no problem, and why.

    Raises:
        SourceError: The problems cannot be read.
        ModelError: A model cannot be loaded, or not be asked at its server.
    """
    if serving and adapter:
        raise ModelError(
            "A server applies adapters itself; leave out --adapter, and name it with --served-name."
        )
    problems = read_problems(source, fields=fields, split=split, limit=limit, on_rejected=on_rejected)
    folder = project.root / FOLDER
    folder.mkdir(exist_ok=True)
    report = Reporter(folder / "progress.json", on_progress)

    def load(name: str, on_top: str, served_name: str) -> Model:
        if serving:
            return served_model(name, serving.server, name=served_name, requests=serving.requests)
        return load_model(name, adapter=on_top, device=device, dtype=dtype)

    def answers_of(name: str, on_top: str = "", served_name: str = "") -> tuple[list[Answer], Tally, Any]:
        report.start("loading", 1)
        loaded = load(name, on_top, served_name)
        report.finish()
        stage = f"answers of {name}"
        given = ask(project, loaded, problems, asking=asking, sampling=sampling, report=report, stage=stage)
        path = answers_path(project, loaded, asking, sampling)
        return given, tally(given, str(path.relative_to(project.root))), loaded.tokenizer

    own, counted, tokenizer = answers_of(model, adapter, serving.name if serving else "")
    before, counted_before, _ = answers_of(base) if base else (None, None, None)
    if not make_queries:
        return RolledOut(counted, counted_before, {}, _notes(counted, (), ()))
    queries = group_queries(own, before, sampling.samples)
    names = group_names(before is not None)
    if contrast:
        names = (*names, CONTRAST)
        queries += contrast_queries(
            problems, own, tokenizer, template=project.template, samples=sampling.samples
        )
    notes = _notes(counted, queries, names)
    notes += _mixed(project, sorted({query.group for query in queries}), counted.file)
    added = publish_queries(project, queries, source=counted.file) if queries else {}
    return RolledOut(counted, counted_before, added, notes)


def _notes(counted: Tally, queries: Sequence[Query], groups: Sequence[str]) -> list[str]:
    notes = []
    if ungraded := counted.answers - counted.graded:
        problems = ungraded // (counted.answers // counted.problems)
        notes.append(f"{problems:,} problems have no final answer to grade with and are in no group.")
    if counted.cut_off:
        notes.append(
            f"{counted.cut_off:,} answers reached the limit of tokens and became no query; a higher "
            "--max-new-tokens lets them end."
        )
    for group in groups:
        if not any(query.group == group for query in queries):
            notes.append(f"Group {group} is empty.")
    return notes


def _mixed(project: Project, groups: list[str], source: str) -> list[str]:
    """Say where a group holds completions from elsewhere, which influence would be measured on as well."""
    catalogue = open_catalogue(project)
    try:
        rows = catalogue.rows(
            """SELECT "group", count(*) FROM queries
               WHERE "group" IN (SELECT unnest($1)) AND source <> $2 GROUP BY 1 ORDER BY 1""",
            [groups, source],
        )
    finally:
        catalogue.close()
    return [f"Group {group} also holds {count:,} queries from elsewhere." for group, count in rows]
