"""LDS on one pool: models trained on random halves, and how well each score predicts what they make of the queries."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import run
from benchmarks.proof.plan import Plan
from benchmarks.proof.pool import Built
from curation.demo.make_base import BASE
from curation.demo.one_thread import one_thread
from curation.models.encode import encode
from curation.models.load import load_model
from curation.scoring.work import read_queries
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.frame import frame_of
from curation.validation.bank import Bank
from curation.validation.lds import Floats, lds
from curation.validation.lds_report import lds_report
from curation.validation.retrains import BankPlan, retrain

KRONFLUENCE = "kronfluence: EK-FAC"
GROUPS = ("gold", "correct", "incorrect")
# Whether every half draws its order anew, or all see the traces of one order in that order.
PROTOCOLS = {"order drawn": True, "order fixed": False}


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
        theirs = kronfluence_scores(catalogue, built, peers, work) if peers else {}
        found: dict[str, Any] = {}
        for protocol, shuffled in PROTOCOLS.items():
            with one_thread():
                bank = retrain(
                    built.project,
                    BankPlan(
                        str(BASE), plan.settings, plan.parts, plan.part_seeds, device="cpu", shuffled=shuffled
                    ),
                )
            found[protocol] = _by_group(catalogue, built, bank, theirs)
        return found
    finally:
        catalogue.close()


def _by_group(catalogue: Catalogue, built: Built, bank: Bank, theirs: dict[str, Floats]) -> dict[str, Any]:
    report = lds_report(catalogue, built.wider_run_id, bank)
    along = lds_report(catalogue, built.trajectory_run_id, bank)
    group_of = dict(catalogue.rows('SELECT query_id, "group" FROM queries'))
    found: dict[str, Any] = {}
    for group in GROUPS:
        rows = [row for row in (*report.rows, *along.rows) if row.group == group]
        if not rows:
            continue
        scores = {row.score: [row.lds.mean_query, row.lds.low, row.lds.high, row.lds.single] for row in rows}
        columns = [place for place, one in enumerate(bank.query_ids) if group_of[one] == group]
        if group in theirs:
            one = lds(theirs[group][None], bank.inside, bank.log_likelihood.mean(1)[:, columns])
            scores[KRONFLUENCE] = [one.mean_query, one.low, one.high, one.single]
        found[group] = {"ceiling": report.ceilings.get(group), "scores": scores}
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
