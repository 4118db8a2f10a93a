"""What is to be forgotten: a cluster, a template, a saved selection or a kind; and random sets that are as large."""

from dataclasses import dataclass

import numpy as np

from curation.errors import ScoringError
from curation.selection.choose import order_by_lot
from curation.selection.saved import load_recipe
from curation.selection.select import select
from curation.selection.templates import templates_of
from curation.store.catalogue import Catalogue
from curation.store.facets import SOURCE, facet
from curation.store.frame import Bools, as_ids, frame_of
from curation.store.points import points
from curation.validation.arms import RANDOM, Arm


@dataclass(frozen=True)
class Chosen:
    """A set of traces that is to be forgotten; one of the four says which.

    Attributes:
        cluster: Number of a cluster of a run's map.
        template: Id of a template (`curation audit`).
        selection: Name of a saved selection.
        kind: "source=NAME", or "KEY=VALUE" of the metadata.
    """

    cluster: int | None = None
    template: str | None = None
    selection: str | None = None
    kind: str | None = None

    def __post_init__(self) -> None:
        """Refuse none and several.

        Raises:
            ScoringError: Not exactly one is named, or a kind has no "=".
        """
        named = (self.cluster, self.template, self.selection, self.kind)
        if sum(one is not None for one in named) != 1:
            raise ScoringError("Name one set to forget: --cluster, --template, --selection or --kind.")
        if self.kind is not None and "=" not in self.kind:
            raise ScoringError(f"--kind is {self.kind!r}; give it as source=NAME or KEY=VALUE.")

    @property
    def name(self) -> str:
        """As in "cluster 3"."""
        if self.cluster is not None:
            return f"cluster {self.cluster}"
        if self.template is not None:
            return f"template {self.template}"
        return f"selection {self.selection}" if self.selection is not None else str(self.kind)


def members(catalogue: Catalogue, chosen: Chosen, run_id: str | None) -> Bools:
    """(T,) the traces of a set.

    Raises:
        ScoringError: It is empty, or the run has no map.
        SelectionError: There is no such template or selection.
    """
    frame = frame_of(catalogue)
    if chosen.template is not None:
        inside = templates_of(catalogue).members(chosen.template)
    elif chosen.selection is not None:
        made = select(catalogue, load_recipe(catalogue.project, chosen.selection))
        inside = frame.mask(as_ids(made.selected_ids))
    elif chosen.kind is not None:
        key, _, value = chosen.kind.partition("=")
        inside = facet(catalogue, SOURCE if key == "source" else key).mask((value,))
    else:
        places = points(catalogue, run_id) if run_id else None
        if places is None:
            raise ScoringError(
                "The run has no map, so there are no clusters; make one with `curation map PROJECT`."
            )
        inside = places.clusters == chosen.cluster
    if not inside.any():
        raise ScoringError(f"There is no trace in {chosen.name}.")
    return inside


def forget_arms(
    catalogue: Catalogue, chosen: Chosen, inside: Bools, seed: int, retain: float
) -> tuple[Arm, Arm]:
    """(the set, a random one as large), each beside the same traces to retain, which are in neither.

    Args:
        catalogue: The project.
        chosen: The set.
        inside: (T,) its traces.
        seed: Of the random set and of what is retained.
        retain: So many traces are retained for each that is forgotten, or as many as there are.

    Raises:
        ScoringError: Random traces and some to retain do not fit beside the set.
    """
    frame = frame_of(catalogue)
    size, others = int(inside.sum()), frame.names_of(np.flatnonzero(~inside))
    if len(others) <= size:
        raise ScoringError(
            f"{chosen.name.capitalize()} holds {size:,} of {len(frame):,} traces, so that no random set as large fits beside it "
            "with traces to retain; choose a set of less than half of them."
        )
    lot = [others[place] for place in order_by_lot(seed, others)]
    kept = tuple(sorted(lot[size : size + max(1, round(retain * size))]))
    own = tuple(frame.names_of(np.flatnonzero(inside)))
    return (
        Arm(chosen.name, None, kept, forget_ids=own),
        Arm(RANDOM, None, kept, forget_ids=tuple(sorted(lot[:size]))),
    )
