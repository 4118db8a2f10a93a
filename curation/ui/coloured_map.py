"""One run's map in the colours that a reviewer chose."""

import numpy as np
import plotly.graph_objects as go

from curation.store.points import Points
from curation.store.verdicts import VERDICTS, verdicts_of
from curation.ui.cached import (
    by_trace,
    cluster_names_of,
    column_of,
    facet_keys_of,
    facet_of,
    points_of,
)
from curation.ui.map_figure import Drawn, by_kind, by_score
from curation.ui.session import Session
from curation.ui.view import facet_label

VERDICT, CLUSTER = "Verdict", "Cluster"
# More names than this would hide the points.
MOST_NAMES = 30


def colourings(session: Session) -> dict[str, str]:
    """What can colour the map: a score, the verdict, the cluster or a facet, each with its label."""
    kinds = {key: facet_label(key) for key in facet_keys_of(session)}
    return {f"score:{name}": name for name in session.score_names} | {
        VERDICT: VERDICT,
        CLUSTER: CLUSTER,
        **{f"facet:{key}": label for key, label in kinds.items()},
    }


def coloured_map(session: Session, drawn: Drawn, colour: str) -> go.Figure | None:
    """Points in the colours of one of the `colourings`, by the scores and clusters of the session's run.

    None if the run lacks the score.
    """
    kind, _, name = colour.partition(":")
    if kind == VERDICT:
        return by_kind(drawn, verdicts_of(session.catalogue).codes, VERDICTS)
    if kind == CLUSTER:
        places = points_of(session)
        return by_kind(drawn, places.clusters, cluster_names_of(session)) if places else None
    if kind == "facet":
        facet = facet_of(session, name)
        return by_kind(drawn, facet.codes, facet.values)
    if name not in session.score_names:
        return None
    return by_score(drawn, by_trace(session, name), column_of(session, name))


def cluster_labels(session: Session, places: Points) -> list[tuple[float, float, str]]:
    """(x, y, name) of each cluster of the session's map."""
    middles = zip(places.medians, cluster_names_of(session), strict=True)
    return [(float(x), float(y), name) for (x, y), name in middles if np.isfinite(x)]
