"""What a reader of a validation should know before believing it."""

from collections.abc import Sequence

from curation.store.catalogue import Catalogue
from curation.store.database import Parameters
from curation.validation.arms import RANDOM, Arm
from curation.validation.equal_tokens import RANDOM_BY_TOKENS, TOLERANCE, equal_in_tokens
from curation.validation.problems import Problem
from curation.validation.trial import Trial

FEW_SEEDS = 3


def caveats(
    catalogue: Catalogue, arms: Sequence[Arm], problems: Sequence[Problem], trials: Sequence[Trial]
) -> list[str]:
    """Sentences about what was held out, what was equal, and how many seeds there were."""
    held_out = {(one.system, one.prompt) for one in problems}
    of_recipe = {arm.name: arm for arm in arms}
    notes = [note for arm in of_recipe.values() if (note := _served(catalogue, arm, held_out))]
    learned = _known(catalogue, "SELECT DISTINCT coalesce(system, ''), prompt FROM traces")
    if seen := len(held_out & learned):
        notes.append(
            f"{seen:,} of the {len(held_out):,} held-out prompts are also prompts of traces to learn."
        )
    notes += [*_unequal(trials), *_by_tokens(trials)]
    if not any(one.graded for one in trials):
        notes.append("No held-out problem has a final answer to grade with, so there is no accuracy.")
    seeds = len({one.seed for one in trials})
    if seeds == 1:
        notes.append("One seed: a difference may be chance, and no interval can be given; use three or more.")
    elif seeds < FEW_SEEDS:
        notes.append(
            "Two seeds: the intervals rest on one degree of freedom and say little; use three or more."
        )
    return notes


def _served(catalogue: Catalogue, arm: Arm, held_out: set[tuple[str, str]]) -> str:
    """Whether a recipe looked at the very problems that it is measured on."""
    groups = sorted(arm.groups)
    if arm.name == RANDOM or not groups:
        return ""
    sql = """SELECT DISTINCT coalesce(system, ''), prompt FROM queries WHERE "group" IN (SELECT unnest($1))"""
    shared = len(held_out & _known(catalogue, sql, [groups]))
    if not shared:
        return ""
    return (
        f"{arm.name} chose with query group{'s' if len(groups) > 1 else ''} {', '.join(groups)}, which holds "
        f"{shared:,} of the {len(held_out):,} held-out problems: its gain is partly fitted to them; give other "
        "problems with --problems for a fair figure."
    )


def _known(catalogue: Catalogue, sql: str, parameters: Parameters = None) -> set[tuple[str, str]]:
    return {(system, prompt) for system, prompt in catalogue.rows(sql, parameters)}


def _unequal(trials: Sequence[Trial]) -> list[str]:
    """Recipes that could not select as many traces, or train for as many steps, as random."""
    random = {one.keep: one for one in trials if one.name == RANDOM}
    notes = []
    for one in {(trial.name, trial.keep): trial for trial in trials}.values():
        other = random[one.keep]
        if one.traces != other.traces and one.name != RANDOM_BY_TOKENS:
            notes.append(
                f"{one.name} selects {one.traces:,} traces and random {other.traces:,}, so they do not compare "
                "at equal counts: not enough traces have its scores."
            )
        if one.steps != other.steps:
            notes.append(f"{one.name} was trained for {one.steps:,} steps and random for {other.steps:,}.")
    return notes


def _by_tokens(trials: Sequence[Trial]) -> list[str]:
    """Where random could not be compared at equal tokens."""
    if all(one.name == RANDOM for one in trials):
        return []
    if any(one.tokens is None for one in trials):
        return [
            "No run has counted the traces' tokens, so random is compared at equal counts of traces only; "
            "`curation score` counts them."
        ]
    draws = [one for one in trials if one.name in (RANDOM, RANDOM_BY_TOKENS)]
    alone = {
        one.name
        for one in trials
        if not any(
            (draw.seed, draw.keep) == (one.seed, one.keep) and equal_in_tokens(draw.tokens, one.tokens)
            for draw in draws
        )
    }
    return [
        f"No random draw has as many tokens as {name} selects, within {TOLERANCE:.0%}: too few traces."
        for name in sorted(alone)
    ]
