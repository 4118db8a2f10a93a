"""Choosing a recipe and how much it keeps, and saying it in words."""

from dataclasses import replace

import streamlit as st

from curation.selection.recipes import BY_GROUP, BY_SCORE, JOINT, MIDDLE, RECIPES, Recipe, score_names
from curation.store.columns import reading_order
from curation.store.overview import query_groups
from curation.ui.cached import column_of
from curation.ui.format import plural
from curation.ui.session import Session
from curation.ui.threshold import Threshold, held_threshold

SHARE, THRESHOLD = "Share", "Threshold"


def describe(recipe: Recipe) -> str:
    """What a recipe keeps, as one sentence."""
    of = recipe.score or recipe.group or (f"seed {recipe.seed}" if recipe.name == "random" else "")
    much = (
        plural(recipe.count, "trace")
        if recipe.count is not None
        else f"{100 * (recipe.keep or 0):g}% of the traces"
    )
    return f"Keeps {much}: {RECIPES[recipe.name]}{f' ({of})' if of else ''}."


def choose_recipe(session: Session) -> tuple[Recipe, Threshold | None]:
    """The recipe that the widgets say, and the threshold that says how much it keeps, if one does."""
    left, middle, right = st.columns([2, 1, 2], gap="medium", vertical_alignment="bottom")
    name = left.selectbox(
        "Recipe",
        list(RECIPES),
        index=_first_possible(session),
        key="recipe",
        persist_state="session",
        format_func=lambda name: f"{name}: {RECIPES[name]}",
    )
    score = group = None
    seed = 0
    with middle:
        if name == "rank-average":
            score = _choose_ranks(session)
        elif name in BY_SCORE:
            score = st.selectbox("Score", session.score_names, key="recipe_score", persist_state="session")
        elif name in BY_GROUP:
            groups = sorted(
                (group for group, _ in query_groups(session.catalogue)),
                key=lambda group: reading_order(f"/{group}"),
            )
            group = st.selectbox("Query group", groups, key="recipe_group", persist_state="session")
        elif name == "random":
            seed = int(st.number_input("Seed", 0, 2**31, 0, key="recipe_seed", persist_state="session"))
    run_id = None if name == "random" else session.run_id
    recipe = Recipe(name, run_id=run_id, score=score, group=group, seed=seed)
    with right:
        return how_much(session, recipe)


def _choose_ranks(session: Session) -> str:
    """Some scores as rank-average takes them; the run's first if none is chosen."""
    names = session.score_names
    both = [one for name in names for one in (name, f"-{name}")]
    default = [one for one in [*names[:1], "-perplexity"] if one in both]
    chosen = st.multiselect(
        "Scores",
        both,
        default=default,
        key="recipe_ranks",
        persist_state="session",
        format_func=lambda one: f"low {one[1:]}" if one.startswith("-") else f"high {one}",
        help="A trace stands where the mean of its ranks by these scores puts it.",
    )
    once = {one.removeprefix("-"): one for one in chosen or default[:1]}
    return "+".join(once.values())


def _first_possible(session: Session) -> int:
    """Place of the first recipe whose scores the run has for a group."""
    families = {name.partition("/")[0] for name in session.score_names}
    return next((place for place, name in enumerate(RECIPES) if name in families), 0)


def how_much(session: Session, recipe: Recipe) -> tuple[Recipe, Threshold | None]:
    """The recipe with a share, or with the count that a threshold leaves."""
    names = score_names(recipe)
    one_end = len(names) == 1 and recipe.name not in (*MIDDLE, *JOINT) and names[0] in session.score_names
    left, right = st.columns(2, vertical_alignment="bottom")
    by = left.segmented_control(
        "Keep by",
        [SHARE, THRESHOLD] if one_end else [SHARE],
        default=SHARE,
        required=True,
        key="keep_by",
        persist_state="session",
        label_visibility="collapsed",
    )
    if by == THRESHOLD and one_end:
        threshold = held_threshold(session, names[0], at_most=recipe.name in ("bottom", "bottom-ppl"))
        return replace(recipe, keep=None, count=threshold.keeps(column_of(session, names[0]))), threshold
    share = right.slider(
        "Keep", 0.0, 100.0, 50.0, 0.5, key="keep_share", persist_state="session", format="%.1f%%"
    )
    return replace(recipe, keep=share / 100), None
