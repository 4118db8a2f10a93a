"""What a recipe's scores cost, in forward passes through the pool."""

from collections.abc import Sequence
from pathlib import Path

from curation.scoring.plan import plan_run
from curation.scoring.request import ScoreRequest
from curation.scoring.trajectory.request import METAGRADIENT, TRACIN, TRAJECTORY
from curation.selection.recipes import Recipe, score_names
from curation.store.project import Project

# A seed that no run has, so that the factors count as not fitted yet.
UNUSED_SEED = 999_983
# Going along a training takes so many forward passes an epoch for one group, as measured on the demo: two replays, and
# the way back.
REPLAYS = 5.5
WAY_BACK = {METAGRADIENT: 9.5, TRAJECTORY: 6.8, TRACIN: 5.5}


def passes_of(project: Project, model: Path, recipes: Sequence[str], epochs: float) -> dict[str, float]:
    """Recipe -> passes of a run that computes nothing but what it reads, from nothing; 0 for random.

    Args:
        project: The pool.
        model: The reference model.
        recipes: Names.
        epochs: Of the training that scores go along.
    """
    by_families: dict[tuple[str, ...], float] = {(): 0.0}
    passes = {}
    for name in recipes:
        families = _families(Recipe(name))
        if families and families[0] in WAY_BACK:
            passes[name] = round(epochs * (REPLAYS + WAY_BACK[families[0]]), 2)
            continue
        if families not in by_families:
            request = ScoreRequest(
                str(model), scores=families, device="cpu", dtype="float32", steps="none", seed=UNUSED_SEED
            )
            by_families[families] = round(plan_run(project, request).passes, 2)
        passes[name] = by_families[families]
    return passes


def _families(recipe: Recipe) -> tuple[str, ...]:
    """The families of scores that a recipe needs; ranks and the consensus need single queries.

    That difficulty needs answers, which cost more than any pass, is in no figure here.
    """
    if recipe.name == "rds+":
        return ("rds",)
    found: set[str] = set()
    for kind in {name.partition("/")[0] for name in score_names(recipe)} - {"tokens", "steps"}:
        found |= _asked_for(kind)
    return tuple(sorted(found))


def _asked_for(kind: str) -> set[str]:
    """The families that have to be asked for to have a kind of score."""
    if kind in ("influence-consensus", "influence-even", "influence-rank"):
        return {"influence", "influence-rank"}
    if kind == "segment-share":
        return {"segments"}
    return {next((one for one in ("influence", "outlier") if kind.startswith(one)), kind)}
