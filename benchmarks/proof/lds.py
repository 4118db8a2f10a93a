"""LDS on one pool: models trained on random halves, and how well each score predicts what they make of the queries."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import run
from benchmarks.proof.built import Built
from benchmarks.proof.plan import SEEDS, Plan
from curation.demo.make_base import BASE
from curation.demo.one_thread import one_thread
from curation.models.encode import encode
from curation.models.load import load_model
from curation.scoring.ensemble import ensemble
from curation.scoring.trajectory.request import TrajectoryRequest
from curation.scoring.trajectory.trajectory import trajectory
from curation.scoring.work import read_queries
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.frame import frame_of
from curation.validation.bank import Bank
from curation.validation.lds import Floats, lds
from curation.validation.lds_report import lds_report
from curation.validation.retrains import BankPlan, retrain

KRONFLUENCE = "kronfluence: EK-FAC"
# Families that the means of three runs have a row of.
OF_THREE = ("influence", "trajectory", "tracin")
GROUPS = ("gold", "correct", "incorrect")
# What all halves have in common: as many steps as the whole pool takes, as many passes over themselves, or these and the
# order of their traces. The first is how the recipes are trained, and the figure of a score.
PROTOCOLS = {
    "equal steps": {"equal_steps": True},
    "equal passes": {"equal_steps": False},
    "equal passes in one order": {"equal_steps": False, "shuffled": False},
}
MAIN_PROTOCOL = "equal steps"


def prove_lds(built: Built, plan: Plan, peers: Path | None, work: Path) -> dict[str, Any]:
    """Protocol -> group -> {"ceiling": ..., "scores": {score: [LDS, low, high, mean LDS of single queries]}}.

    Args:
        built: The pool.
        plan: How many models.
        peers: Python of the environment with kronfluence; without it there is no row of it.
        work: Folder for what kronfluence is given and gives.
    """
    catalogue = open_catalogue(built.project)
    try:
        means = (built.ensemble_run_id, _trajectories(built, plan))
        theirs = kronfluence_scores(catalogue, built, peers, work) if peers else {}
        found: dict[str, Any] = {}
        for protocol, of in PROTOCOLS.items():
            with one_thread():
                bank = retrain(
                    built.project,
                    BankPlan(str(BASE), plan.settings, plan.parts, plan.part_seeds, device="cpu", **of),
                )
            found[protocol] = _by_group(built, bank, means, theirs)
        return found
    finally:
        catalogue.close()


def _trajectories(built: Built, plan: Plan) -> str:
    """The mean run of going back through three trainings of the base model that differ by their seed."""
    with one_thread():
        runs = [
            trajectory(
                built.project,
                TrajectoryRequest(
                    str(BASE), replace(plan.settings, seed=seed), groups=("gold",), exact=False, device="cpu"
                ),
            ).run_id
            for seed in SEEDS
        ]
    return ensemble(built.project, [built.trajectory_run_id, *runs]).run_id


def _by_group(built: Built, bank: Bank, means: Sequence[str], theirs: dict[str, Floats]) -> dict[str, Any]:
    # Opened anew, since the means came after the first look.
    catalogue = open_catalogue(built.project)
    try:
        group_of = dict(catalogue.rows('SELECT query_id, "group" FROM queries'))
        wider = lds_report(catalogue, built.wider_run_id, bank)
        rows = [*wider.rows, *lds_report(catalogue, built.trajectory_run_id, bank).rows]
        for run_id in means:
            rows += [
                replace(row, score=f"{row.score} of three models")
                for row in lds_report(catalogue, run_id, bank).rows
                if row.score.partition("/")[0] in OF_THREE
            ]
    finally:
        catalogue.close()
    found: dict[str, Any] = {}
    for group in GROUPS:
        scores = {
            row.score: [row.lds.mean_query, row.lds.low, row.lds.high, row.lds.single]
            for row in rows
            if row.group == group
        }
        if not scores:
            continue
        columns = [place for place, one in enumerate(bank.query_ids) if group_of[one] == group]
        if group in theirs:
            one = lds(theirs[group][None], bank.inside, bank.log_likelihood.mean(1)[:, columns])
            scores[KRONFLUENCE] = [one.mean_query, one.low, one.high, one.single]
        found[group] = {"ceiling": wider.ceilings.get(group), "scores": scores}
    return found


def kronfluence_scores(catalogue: Catalogue, built: Built, peers: Path, work: Path) -> dict[str, Floats]:
    """Group -> (T,) kronfluence's EK-FAC influence, from factors of all traces, over the tokens that ours gets."""
    model = load_model(str(built.model), device="cpu")
    template = built.project.template
    rows = catalogue.rows("SELECT trace_id, prompt, response FROM traces ORDER BY trace_id")
    traces = [encode(model.tokenizer, prompt, response, template=template) for _, prompt, response in rows]
    queries = read_queries(catalogue, model)
    groups: dict[str, list[dict[str, Any]]] = {group: [] for group in GROUPS}
    for query, encoded in zip(queries.queries, queries.encoded, strict=True):
        if query.group in groups:
            groups[query.group].append({"ids": encoded.ids, "prompt_length": encoded.prompt_length})
    work.mkdir(parents=True, exist_ok=True)
    tokens = {
        "traces": [{"ids": one.ids, "prompt_length": one.prompt_length} for one in traces],
        "groups": {group: some for group, some in groups.items() if some},
    }
    (work / "tokens.json").write_text(json.dumps(tokens))
    command = [str(peers), "-m", "benchmarks.peers.kronfluence_run"]
    command += ["--model", str(built.model.resolve())]
    command += ["--tokens", str((work / "tokens.json").resolve()), "--out", str(work.resolve())]
    run(command, work / "kronfluence.log", threads=1)
    assert tuple(trace_id for trace_id, _, _ in rows) == frame_of(catalogue).names
    with np.load(work / "scores.npz") as file:
        return {name: file[name] for name in file.files}
