"""What a selection changes: against the saved one, and by the last move of a recipe or a slider in this tab."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from curation.errors import CurationError
from curation.selection.choose import Ints
from curation.selection.moved import Moved, moved
from curation.selection.recipes import Recipe
from curation.selection.saved import load_recipe
from curation.selection.select import Selection
from curation.ui.format import number, plural, whole
from curation.ui.markup import escape
from curation.ui.part_list import part_list
from curation.ui.scores import known_tokens_of
from curation.ui.selected import selection_of
from curation.ui.session import Session

LISTED = 6
# Recipes that like the low end of the first score that they read.
LOW = ("bottom", "bottom-ppl", "influence-incorrect")


@dataclass(frozen=True)
class Change:
    """What changes, and in which words.

    Attributes:
        title: Against what, as Markdown.
        key: For the keys of widgets.
        enters: Verb for what comes in.
        leaves: Verb for what goes out.
        moved: Who does.
    """

    title: str
    key: str
    enters: str
    leaves: str
    moved: Moved


def changes(session: Session, selection: Selection) -> list[Change]:
    """Against the saved selection, if there is one, and by the last move, if there was one."""
    found = []
    tokens = known_tokens_of(session)
    for title, key, verbs, before in (
        (
            f"Against {escape(session.selection_name)}",
            "saved",
            ("would enter", "would leave"),
            _saved(session),
        ),
        ("By the last move", "move", ("entered", "left"), _before(session, selection)),
    ):
        if before is not None:
            found.append(Change(title, key, *verbs, moved(before.selected, selection.selected, tokens)))
    return found


def change_line(found: list[Change]) -> None:
    """All changes as numbers, in one line."""
    said = []
    for one in found:
        entered, left = len(one.moved.entered), len(one.moved.left)
        if not entered and not left:
            said.append(f"**{one.title}** nothing changes")
            continue
        more = f"{_signed(one.moved.traces, 'trace')}{_tokens(one.moved.tokens)}"
        said.append(f"**{one.title}** {more}: {whole(entered)} {one.enters}, {whole(left)} {one.leaves}")
    if said:
        st.markdown(" \u2002·\u2002 ".join(said))


def change_lists(session: Session, selection: Selection, found: list[Change]) -> None:
    """Who enters and who leaves, side by side."""
    for place, one in zip(st.columns(2, gap="large"), found, strict=False):
        left = one.moved.tokens_left
        with place:
            st.subheader(one.title, anchor=False)
            for key, which, verb, tokens in (
                ("entered", one.moved.entered, one.enters, one.moved.tokens_entered),
                ("left", one.moved.left, one.leaves, None if left is None else -left),
            ):
                headline = f"**{plural(len(which), 'trace')}** {verb}{_tokens(tokens) if len(which) else ''}"
                first = partial(_liked, selection)
                part_list(session, headline, which, key=f"{one.key}_{key}", listed=LISTED, first=first)


def _liked(selection: Selection, which: Ints) -> Ints:
    """The first few of some traces by the first score that the recipe reads, from the end that it likes; by its own order if it has one."""
    ranked, recipe = selection.choice.positions, selection.recipe
    positions = ranked.get(recipe.name, next(iter(ranked.values()), None))
    if positions is None:
        return which[:LISTED]
    place = positions[which]
    if recipe.name in LOW:
        place = -place
    first = np.argpartition(place, LISTED - 1)[:LISTED] if len(which) > LISTED else np.arange(len(which))
    return which[first[np.argsort(place[first], kind="stable")]]


def _saved(session: Session) -> Selection | None:
    """The current saved selection; it says so if it cannot be made."""
    if not session.selection_name:
        return None
    try:
        return selection_of(session, load_recipe(session.project, session.selection_name))
    except CurationError as error:
        st.warning(f"{escape(session.selection_name)} cannot be compared with: {escape(str(error))}")
        return None


def _before(session: Session, selection: Selection) -> Selection | None:
    """What this tab showed before the recipe was changed last, with the newest decisions; None before the first change."""
    now, before = st.session_state.get("select_moves", (selection.recipe, None))
    if now != selection.recipe:
        now, before = selection.recipe, now
    st.session_state["select_moves"] = (now, before)
    return _made(session, before) if before else None


def _made(session: Session, recipe: Recipe) -> Selection | None:
    """A recipe's selection; None if its run is gone."""
    try:
        return selection_of(session, recipe)
    except CurationError:
        return None


def _signed(count: int, noun: str) -> str:
    return f"{number(count, signed=True)} {noun if abs(count) == 1 else noun + 's'}"


def _tokens(count: int | None) -> str:
    return "" if count is None else f", {_signed(count, 'token')}"
