"""What a recipe is: a rule that says, from stored scores alone, which traces are kept."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from curation.errors import SelectionError

# Word for word what each recipe keeps; the order is the order in which they are offered.
RECIPES = {
    "influence-consensus": "what no estimate of the influence on one group calls harmful, the most useful first",
    "influence": "the highest influence on one group of queries",
    "influence-correct": "all but those low in influence on correct and low in its rank",
    "influence-incorrect": "all but those high in influence on incorrect and high in its rank",
    "influence-combined": "all but the union of what influence-correct and influence-incorrect prune",
    "rds+": "the nearest in embedding to the queries of one group, each query choosing in turn",
    "rank-average": "the best by the mean of their ranks by some scores; a minus before a score that is good when low",
    "medium": "the middle of influence on one group, of its lossdiff and, where there is one, of its irm",
    "select2reason": "the hardest problems with the longest traces, by the mean of both ranks",
    "top": "the highest of any score",
    "bottom": "the lowest of any score",
    "mid": "the middle band of any score",
    "mid-ppl": "the middle band of perplexity",
    "top-ppl": "the highest perplexity",
    "bottom-ppl": "the lowest perplexity",
    "random": "a draw by seed",
}
BY_SCORE = ("top", "bottom", "mid", "rank-average")
BY_GROUP = ("influence-consensus", "influence", "medium", "rds+")
# Recipes of a band in the middle of one score; recipes whose order comes of several scores together.
MIDDLE = ("mid", "mid-ppl")
JOINT = ("rank-average", "medium", "select2reason")
BY_PERPLEXITY = ("mid-ppl", "top-ppl", "bottom-ppl")
HANDFUL = 4


@dataclass(frozen=True)
class Recipe:
    """A recipe with its settings; it never looks at decisions, which are applied after it.

    Attributes:
        name: One of `RECIPES`; what it takes may stand behind a colon ("top:perplexity", "influence:gold").
        run_id: The run whose scores it reads; the newest run that has them if None.
        keep: Share of all traces of the project to keep, in [0, 1]; 0.5 if neither this nor `count` is given.
        count: Number of traces to keep instead of a share.
        score: For top, bottom and mid, the name of the score; for rank-average some of them with plus signs between, each
            with a minus before it if low is good, as in "influence/gold+-perplexity".
        group: For influence, influence-consensus, medium and rds+, the query group; if None, `gold` where the run has it, else `correct`.
        seed: For random.
        fewest_queries: influence-correct, -incorrect and -combined refuse a group with fewer queries.

    Raises:
        SelectionError: The recipe is unknown, or a setting does not fit it.
    """

    name: str
    run_id: str | None = field(default=None, kw_only=True)
    keep: float | None = field(default=None, kw_only=True)
    count: int | None = field(default=None, kw_only=True)
    score: str | None = field(default=None, kw_only=True)
    group: str | None = field(default=None, kw_only=True)
    seed: int = field(default=0, kw_only=True)
    fewest_queries: int = field(default=HANDFUL, kw_only=True)

    def __post_init__(self) -> None:
        name, _, of = self.name.partition(":")
        if of and name in BY_SCORE and self.score in (None, of):
            object.__setattr__(self, "score", of)
        elif of and name in BY_GROUP and self.group in (None, of):
            object.__setattr__(self, "group", of)
        elif of:
            raise SelectionError(
                f"Recipe {self.name!r} says two things at once; write what it takes only once."
            )
        object.__setattr__(self, "name", name)
        if self.keep is None and self.count is None:
            object.__setattr__(self, "keep", 0.5)
        _check(self)


def _check(recipe: Recipe) -> None:
    """Refuse what cannot be meant, in a sentence."""
    if recipe.name not in RECIPES:
        raise SelectionError(f"There is no recipe {recipe.name!r}; use one of {', '.join(RECIPES)}.")
    if recipe.keep is not None and recipe.count is not None:
        raise SelectionError(
            "A recipe keeps either a share or a count of the traces; give only one of keep and count."
        )
    if recipe.keep is not None and not 0 <= recipe.keep <= 1:
        raise SelectionError(f"keep is {recipe.keep}; give a share of the traces from 0 to 1.")
    if recipe.count is not None and recipe.count < 0:
        raise SelectionError(f"count is {recipe.count}; give 0 or more traces to keep.")
    if recipe.name in BY_SCORE and not recipe.score:
        raise SelectionError(f"Recipe {recipe.name} needs a score, as in {recipe.name}:perplexity.")
    if recipe.name == "rank-average":
        names = [name for name, _ in terms(recipe)]
        if not all(names) or len(set(names)) < len(names):
            raise SelectionError(
                f"rank-average cannot read {recipe.score!r}; write each score once, as in "
                "rank-average:influence/gold+-perplexity."
            )
    if recipe.name not in BY_SCORE and recipe.score:
        raise SelectionError(
            f"Recipe {recipe.name} takes no score; use top:{recipe.score} or bottom:{recipe.score}."
        )
    if recipe.name not in BY_GROUP and recipe.group:
        raise SelectionError(f"Recipe {recipe.name} takes no group; use influence:{recipe.group} for that.")


def kept_count(recipe: Recipe, traces: int) -> int:
    """How many of all traces the recipe asks for: a share is rounded to the nearest, halves to even."""
    return recipe.count if recipe.count is not None else round((recipe.keep or 0.0) * traces)


def score_names(recipe: Recipe) -> tuple[str, ...]:
    """The scores that a recipe with score and group filled in reads, all of one run."""
    both = ("influence/correct", "influence-rank/correct", "influence/incorrect", "influence-rank/incorrect")
    match recipe.name:
        case "top" | "bottom" | "mid":
            return (str(recipe.score),)
        case "rank-average" | "select2reason":
            return tuple(name for name, _ in terms(recipe))
        case "medium":
            return tuple(f"{family}/{recipe.group}" for family in ("influence", "lossdiff", "irm"))
        case "influence" | "influence-consensus":
            return (f"{recipe.name}/{recipe.group}",)
        case "influence-correct":
            return both[:2]
        case "influence-incorrect":
            return both[2:]
        case "influence-combined":
            return both
        case "mid-ppl" | "top-ppl" | "bottom-ppl":
            return ("perplexity",)
        case _:
            return ()


def needed_names(recipe: Recipe) -> tuple[str, ...]:
    """Those of its scores that a trace must have to be kept: all, but that medium does without irm."""
    names = score_names(recipe)
    return tuple(name for name in names if recipe.name != "medium" or not name.startswith("irm/"))


def terms(recipe: Recipe) -> tuple[tuple[str, float], ...]:
    """The scores whose ranks are averaged, each with its weight, which is negative where low is good.

    Those of Select2Reason (2505.17266) are the failure rate of rollouts and the tokens of the trace; half each is our
    choice.
    """
    if recipe.name == "select2reason":
        return (("difficulty", 0.5), ("tokens", 0.5))
    written = [one.strip() for one in str(recipe.score).split("+")]
    return tuple((one.removeprefix("-"), -1.0 if one.startswith("-") else 1.0) for one in written)


def to_fields(recipe: Recipe) -> dict[str, Any]:
    """A recipe as plain values for TOML or JSON, without what is None; its name is called `recipe` there."""
    values = {each.name: getattr(recipe, each.name) for each in fields(recipe) if each.name != "name"}
    return {"recipe": recipe.name} | {name: value for name, value in values.items() if value is not None}


def from_fields(values: Mapping[str, Any]) -> Recipe:
    """A recipe from what `to_fields` wrote.

    Raises:
        SelectionError: A field is unknown, missing or of the wrong kind.
    """
    kinds = {
        "recipe": str,
        "run_id": str,
        "count": int,
        "score": str,
        "group": str,
        "seed": int,
        "fewest_queries": int,
    }
    for name, value in values.items():
        if name == "keep":
            fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        elif name in kinds:
            fits = isinstance(value, kinds[name]) and not isinstance(value, bool)
        else:
            raise SelectionError(
                f"A recipe has no field {name!r}; its fields are recipe, keep, {', '.join(kinds)}."
            )
        if not fits:
            raise SelectionError(f"The recipe's field {name} cannot be {value!r}.")
    if "recipe" not in values:
        raise SelectionError('The recipe\'s name is missing; add a line such as recipe = "random".')
    rest = {name: value for name, value in values.items() if name != "recipe"}
    return Recipe(values["recipe"], **rest)


def resolved(recipe: Recipe, *, run_id: str | None, group: str | None) -> Recipe:
    """The same recipe with nothing left open: what a manifest records."""
    return replace(recipe, run_id=run_id, group=group)
