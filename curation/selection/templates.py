"""Templates: traces whose responses have one skeleton, and how few of them a pool is made of (2406.12397)."""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from curation.errors import SelectionError
from curation.store.catalogue import Catalogue
from curation.store.frame import Bools, Ints
from curation.store.structure import structure_of
from curation.traces.skeleton import skeleton

_SHOWN = 10


@dataclass(frozen=True, eq=False)
class Templates:
    """The templates of T traces, the most frequent first.

    Attributes:
        skeletons: (K,) the marks of each.
        codes: (T,) the template of each trace.
        counts: (K,) traces of each.
    """

    skeletons: tuple[tuple[str, ...], ...]
    codes: Ints
    counts: Ints

    @property
    def effective(self) -> float:
        """Effective number of templates: exp of the entropy of their shares, in nats; 0 without a trace."""
        shares = self.counts / max(1, self.counts.sum())
        shares = shares[shares > 0]
        return float(np.exp(-(shares @ np.log(shares)))) if len(shares) else 0.0

    def share(self, place: int) -> float:
        """Share of all traces that have a template."""
        return float(self.counts[place] / self.counts.sum())

    def id(self, place: int) -> str:
        """Eight hex digits that name a template, whatever else a project holds."""
        return sha256("\n".join(self.skeletons[place]).encode()).hexdigest()[:8]

    def words(self, place: int) -> str:
        """A template as people read it."""
        marks = self.skeletons[place]
        more = f" · and {len(marks) - _SHOWN} more" if len(marks) > _SHOWN else ""
        return " · ".join(marks[:_SHOWN]) + more if marks else "no mark"

    def members(self, template_id: str) -> Bools:
        """(T,) which traces have a template.

        Raises:
            SelectionError: There is none of this id.
        """
        for place in range(len(self.skeletons)):
            if self.id(place) == template_id:
                inside: Bools = self.codes == place
                return inside
        raise SelectionError(f"There is no template {template_id!r} here; `curation audit` lists them.")


def templates_of(catalogue: Catalogue) -> Templates:
    """The templates of all traces, found once."""
    return catalogue.once("templates", lambda: _find(catalogue))


def _find(catalogue: Catalogue) -> Templates:
    structure = structure_of(catalogue)
    places: dict[tuple[str, ...], int] = {}
    of_marks = np.array(
        [places.setdefault(skeleton(marks), len(places)) for marks in structure.marks], dtype=np.int64
    )
    if not len(of_marks):
        return Templates((), structure.codes, np.zeros(0, dtype=np.int64))
    codes = of_marks[structure.codes]
    counts = np.bincount(codes, minlength=len(places))
    found = list(places)
    order = sorted(range(len(found)), key=lambda place: (-counts[place], found[place]))
    new = np.empty(len(order), dtype=np.int64)
    new[order] = np.arange(len(order))
    return Templates(tuple(found[place] for place in order), new[codes], counts[order])
