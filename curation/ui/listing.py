"""From a view to the list of traces that it is, with what the app has read already."""

import numpy as np
import streamlit as st

from curation.selection.select import Selection
from curation.store.frame import Bools
from curation.store.search import Search, search_slices
from curation.store.verdicts import verdicts_of
from curation.store.view import Facts, Listing, View, conditions, inside
from curation.ui.cached import by_trace, facet_of, frame_of, order_of, order_of_source, source_rows_of
from curation.ui.markup import escape
from curation.ui.selected import current_selection
from curation.ui.session import Session

SEARCHES_KEPT = 8


def facts_of(session: Session, view: View) -> Facts:
    """What a view looks at."""
    selection: Selection | None = current_selection(session) if view.selection else None
    return Facts(
        frame_of(session),
        scores={one.score: by_trace(session, one.score) for one in view.ranges},
        facets={key: facet_of(session, key) for key, _ in view.facets},
        verdicts=verdicts_of(session.catalogue).codes,
        selected=selection.selected if selection else None,
        found=found_of(session, view.search) if view.search else None,
    )


def listing_of(session: Session, view: View) -> Listing:
    """The traces of a view, ranked."""
    frame = frame_of(session)
    if view.score:
        values = by_trace(session, view.score)
        order = order_of(session, view.score, descending=view.descending)
    else:
        values, order = source_rows_of(session), order_of_source(session)
    return Listing(frame, values, order, inside(conditions(view, facts_of(session, view)), frame))


def found_of(session: Session, wanted: Search) -> Bools:
    """(T,) in which traces a search finds something; any click stops a search that is under way, and nothing is lost."""
    kept = _searches(session.key)
    if wanted not in kept:
        total = len(frame_of(session))
        found = np.zeros(total, dtype=bool)
        place = st.empty()
        # A rerun that a click asks for begins where the bar moves: between two slices.
        for share, some in search_slices(session.catalogue, wanted):
            found |= some
            if share < 1:
                bar = f"Searching {total:,} traces for “{escape(wanted.text[:40])}”; clear the search to stop it"
                place.progress(share, bar)
        place.empty()
        while len(kept) >= SEARCHES_KEPT:
            kept.pop(next(iter(kept)), None)
        kept[wanted] = found
    return kept[wanted]


@st.cache_resource(max_entries=2, show_spinner=False)
def _searches(key: tuple[str, ...]) -> dict[Search, Bools]:
    """What was found, by what was looked for."""
    return {}
