"""Why a trace is in or out, in words."""

from collections.abc import Mapping, Sequence

import numpy as np

from curation.selection.choose import Choice, Ints, Pool
from curation.selection.recipes import Recipe, needed_names
from curation.store.verdicts import KEEP, UNDECIDED, Codes

# Recipe -> what is true of what it keeps and of what it prunes; {kept}, {share} and {group} are filled in.
_RULES = {
    "top": ("among the highest {kept}", "not among the highest {kept}"),
    "bottom": ("among the lowest {kept}", "not among the lowest {kept}"),
    "top-ppl": ("among the highest {kept}", "not among the highest {kept}"),
    "bottom-ppl": ("among the lowest {kept}", "not among the lowest {kept}"),
    "mid": ("inside the middle {share}", "outside the middle {share}"),
    "mid-ppl": ("inside the middle {share}", "outside the middle {share}"),
    "influence-consensus": ("among the highest {kept}", "not among the highest {kept}"),
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
    "rank-average": ("among the best {kept} on average", "not among the best {kept} on average"),
    "medium": (
        "inside the middle bands that hold {kept} together",
        "outside the middle bands that hold {kept} together",
    ),
    "select2reason": (
        "among the {kept} hardest and longest",
        "not among the {kept} hardest and longest",
    ),
    "random": ("drawn with seed {seed}", "not drawn with seed {seed}"),
}


def sentences(
    recipe: Recipe, pool: Pool, choice: Choice, verdicts: Codes, reasons: Mapping[str, str], which: Ints
) -> list[str]:
    """One short sentence for each of some traces of the pool.

    Args:
        recipe: Resolved.
        pool: What it read.
        choice: What it chose.
        verdicts: (traces,) what people decided: that beats the recipe.
        reasons: Why they did, by trace id.
        which: Indices of the traces.
    """
    said = _by_recipe(recipe, choice, which)
    scored, decided = choice.scored[which], verdicts[which]
    for place in np.flatnonzero(~scored).tolist():
        reason = (pool.unscored or {}).get(pool.trace_ids[which[place]])
        said[place] = f"not scored: {reason or _missing(recipe, pool, int(which[place]))}"
    for place in np.flatnonzero(decided != UNDECIDED).tolist():
        reason = reasons.get(pool.trace_ids[which[place]])
        by_hand = "kept by hand" if decided[place] == KEEP else "vetoed by hand"
        said[place] = f"{by_hand}: {reason}" if reason else by_hand
    return said


def _by_recipe(recipe: Recipe, choice: Choice, which: Ints) -> list[str]:
    """What the recipe alone says: the places of the trace, counted from the highest value, and the rule."""
    scored, kept = int(choice.scored.sum()), int(choice.kept.sum())
    words = {
        "kept": f"{kept:,}",
        "share": f"{100 * kept / max(scored, 1):.1f}%",
        "group": recipe.group,
        "seed": recipe.seed,
    }
    inside, outside = (rule.format(**words) for rule in _RULES[recipe.name])
    keeps = choice.kept[which].tolist()
    if not choice.positions or recipe.name == "rds+":
        return [f"kept: {inside}" if keep else f"pruned: {outside}" for keep in keeps]
    columns = [positions[which].tolist() for positions in choice.positions.values()]
    said = []
    for keep, numbers in zip(keeps, zip(*columns, strict=True), strict=True):
        places = ", ".join(
            [
                f"{name} is #{number:,}"
                for name, number in zip(choice.positions, numbers, strict=True)
                if number  # a score that the recipe can do without may be missing
            ]
        )
        said.append(f"{'kept' if keep else 'pruned'}: {places} of {scored:,}, {inside if keep else outside}")
    return said


def _missing(recipe: Recipe, pool: Pool, index: int) -> str:
    names = [name for name in needed_names(recipe) if np.isnan(pool.scores[name][index])]
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
