"""Why a trace is in or out, in words."""

from collections.abc import Mapping, Sequence

import numpy as np

from curation.selection.choose import Choice, Pool
from curation.selection.recipes import Recipe

# Recipe -> what is true of what it keeps and of what it prunes; {kept}, {share} and {group} are filled in.
_RULES = {
    "top": ("among the highest {kept}", "not among the highest {kept}"),
    "bottom": ("among the lowest {kept}", "not among the lowest {kept}"),
    "top-ppl": ("among the highest {kept}", "not among the highest {kept}"),
    "bottom-ppl": ("among the lowest {kept}", "not among the lowest {kept}"),
    "mid-ppl": ("inside the middle {share}", "outside the middle {share}"),
    "influence": ("among the highest {kept}", "not among the highest {kept}"),
    "influence-correct": ("not both low", "both low"),
    "influence-incorrect": ("not both high", "both high"),
    "influence-combined": (
        "neither low on correct nor high on incorrect",
        "low on correct or high on incorrect",
    ),
    "rds+": (
        "among the {kept} picks for the queries of {group}",
        "not among the {kept} picks for the queries of {group}",
    ),
    "random": ("drawn with seed {seed}", "not drawn with seed {seed}"),
}


def sentences(
    recipe: Recipe, pool: Pool, choice: Choice, verdicts: Mapping[str, tuple[str, str]]
) -> list[str]:
    """One short sentence for each trace of the pool.

    Args:
        recipe: Resolved.
        pool: What it read.
        choice: What it chose.
        verdicts: Trace id -> (keep or veto, reason): what a person decided beats the recipe.
    """
    said = _by_recipe(recipe, choice)
    for index in np.flatnonzero(~choice.scored).tolist():
        reason = (pool.unscored or {}).get(pool.trace_ids[index])
        said[index] = f"not scored: {reason or _missing(pool, index)}"
    if verdicts:
        for index, trace_id in enumerate(pool.trace_ids):
            if trace_id in verdicts:
                verdict, reason = verdicts[trace_id]
                by_hand = "kept by hand" if verdict == "keep" else "vetoed by hand"
                said[index] = f"{by_hand}: {reason}" if reason else by_hand
    return said


def _by_recipe(recipe: Recipe, choice: Choice) -> list[str]:
    """What the recipe alone says: the places of the trace, counted from the highest value, and the rule."""
    scored, kept = int(choice.scored.sum()), int(choice.kept.sum())
    words = {
        "kept": f"{kept:,}",
        "share": f"{100 * kept / max(scored, 1):.1f}%",
        "group": recipe.group,
        "seed": recipe.seed,
    }
    inside, outside = (rule.format(**words) for rule in _RULES[recipe.name])
    said = [f"kept: {inside}" if keeps else f"pruned: {outside}" for keeps in choice.kept.tolist()]
    if not choice.positions or recipe.name == "rds+":
        return said
    names = list(choice.positions)
    columns = [positions.tolist() for positions in choice.positions.values()]
    for index, numbers in enumerate(zip(*columns, strict=True)):
        places = ", ".join([f"{name} is #{number:,}" for name, number in zip(names, numbers, strict=True)])
        word, rule = ("kept", inside) if choice.kept[index] else ("pruned", outside)
        said[index] = f"{word}: {places} of {scored:,}, {rule}"
    return said


def _missing(pool: Pool, index: int) -> str:
    names = [name for name, values in pool.scores.items() if np.isnan(values[index])]
    return f"{' and '.join(names) or 'its embedding'} was not computed"


def notes(recipe: Recipe, pool: Pool, choice: Choice, asked: int) -> tuple[str, ...]:
    """What a reader of the counts should know: missing scores, and how many queries the others rest on."""
    said: list[str] = []
    missing = int((~choice.scored).sum())
    if missing:
        said.append(
            f"{missing:,} of {len(choice.scored):,} traces are not scored, and a recipe never keeps those."
        )
    if (kept := int(choice.kept.sum())) < asked:
        said.append(f"Of {asked:,} traces asked for only {kept:,} could be kept.")
    sizes = pool.group_sizes or {}
    groups: Sequence[str] = [group for group in sizes if _reads(recipe, group)]
    said += [f"Group {group} has {sizes[group]:,} queries." for group in sorted(groups)]
    return tuple(said)


def _reads(recipe: Recipe, group: str) -> bool:
    contrasted = {"influence-correct": ("correct",), "influence-incorrect": ("incorrect",)}
    both = ("correct", "incorrect") if recipe.name == "influence-combined" else ()
    return group == recipe.group or group in contrasted.get(recipe.name, both)
