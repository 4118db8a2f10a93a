"""The directions along which a trace helps: groups of queries and concepts, these by either half of the factors, queries."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from curation.models.batches import TokenBatch
from curation.models.linear import LinearModule
from curation.scoring.collector import Collector
from curation.scoring.influence.space import Space

CONCEPT = "concept"


@dataclass(frozen=True)
class Directions:
    """D directions: K groups and concepts, then these by the first and by the second half of the factors, then queries.

    Attributes:
        groups: Names of the groups.
        query_ids: Those of the single queries.
        spaces: By module name; a layer that no gradient ever reached is not there.
        cores: module name -> (D, r_s, r_a); direction d of a layer is u cores[d] v'.
        norms: (K,) float64 Euclidean norm of each group's direction over all layers.
        lost: For each group, the relative error of its scores that low rank makes under the fitted curvature.
        concepts: Names of the concepts, which come after the groups: their gradient is that of -f (`Projection`).
    """

    groups: list[str]
    query_ids: list[str]
    spaces: dict[str, Space]
    cores: dict[str, Tensor]
    norms: Tensor
    lost: dict[str, float]
    concepts: list[str] = field(default_factory=list)

    @property
    def scores(self) -> list[str]:
        """(K,) the names of the scores along the groups and the concepts."""
        return [
            *(f"influence/{name}" for name in self.groups),
            *(f"{CONCEPT}/{name}" for name in self.concepts),
        ]

    @property
    def aims(self) -> list[str]:
        """(K,) the groups, and the concepts by their scores' names."""
        return [*self.groups, *(f"{CONCEPT}/{name}" for name in self.concepts)]

    @property
    def count(self) -> int:
        """D."""
        return 3 * len(self.scores) + len(self.query_ids)

    def dense(self, name: str) -> Tensor:
        """(D, d_out, d_in) the directions of one layer."""
        space, cores = self.spaces[name], self.cores[name]
        return space.u.to(cores.dtype) @ cores @ space.v.to(cores.dtype).T

    def save(self, path: Path) -> None:
        """Write them to a file, which appears whole; what projects queries is left out."""
        tensors = {"norms": self.norms}
        for name, space in self.spaces.items():
            tensors |= {f"u/{name}": space.u, f"v/{name}": space.v, f"core/{name}": self.cores[name]}
        about = {
            "groups": self.groups,
            "query_ids": self.query_ids,
            "lost": self.lost,
            "concepts": self.concepts,
        }
        part = path.with_suffix(".tmp")
        save_file(
            {name: tensor.contiguous().cpu() for name, tensor in tensors.items()},
            part,
            metadata={"about": json.dumps(about)},
        )
        part.replace(path)

    @classmethod
    def load(cls, path: Path, device: torch.device) -> "Directions":
        """Read what `save` wrote."""
        spaces, cores = {}, {}
        with safe_open(path, "pt", device=str(device)) as file:
            about = json.loads(file.metadata()["about"])
            for key in file.keys():  # noqa: SIM118 (a file of tensors is no mapping)
                kind, _, name = key.partition("/")
                if kind == "core":
                    # Copied out of the file, where they are not aligned: sums depend on that to the last bit.
                    u, v, cores[name] = (
                        file.get_tensor(f"{one}/{name}").clone() for one in ("u", "v", "core")
                    )
                    spaces[name] = Space(u, v)
            norms = file.get_tensor("norms").cpu()
        return cls(
            about["groups"], about["query_ids"], spaces, cores, norms, about["lost"], about["concepts"]
        )


@dataclass
class Influence(Collector):
    """Collects s[p, d] = <direction d, gradient of trace p's loss>: positive if trace p helps what d stands for.

    Attributes:
        directions: Of D.
        scores: (P, D) float64, filled row by row.
    """

    directions: Directions
    scores: Tensor

    @classmethod
    def of(cls, directions: Directions, count: int, device: torch.device) -> "Influence":
        """An empty sheet for P traces."""
        return cls(directions, torch.zeros(count, directions.count, dtype=torch.float64, device=device))

    @property
    def along_aims(self) -> Tensor:
        """(P, K) along the groups and concepts, on the CPU."""
        return self._third(0)

    @property
    def by_halves(self) -> tuple[Tensor, Tensor]:
        """The same by the first and by the second half of the factors."""
        return self._third(1), self._third(2)

    @property
    def along_queries(self) -> Tensor:
        """(P, V) along the single queries, on the CPU."""
        return self.scores[:, 3 * len(self.directions.aims) :].cpu()

    def _third(self, number: int) -> Tensor:
        k = len(self.directions.aims)
        return self.scores[:, number * k : (number + 1) * k].cpu()

    def input(self, batch: TokenBatch, module: LinearModule, a: Tensor) -> Tensor | None:
        """Keep v' a_t only."""
        space = self.directions.spaces.get(module.name)
        return None if space is None else a.to(space.v.dtype) @ space.v

    def output(self, batch: TokenBatch, module: LinearModule, kept: Tensor | None, g: Tensor) -> None:
        """Add one module's part: the projected gradient sum_t (u' g_t)(v' a_t)' against all cores."""
        if kept is None:
            return
        space, cores = self.directions.spaces[module.name], self.directions.cores[module.name]
        gradients = batch.rows(g.to(space.u.dtype) @ space.u).transpose(1, 2)
        projected = (gradients @ batch.rows(kept)).to(cores.dtype)
        part = projected.flatten(1) @ cores.flatten(1).T
        self.scores.index_add_(0, batch.indices, part.to(self.scores.dtype))


def group_weights(groups: Sequence[str], names: Sequence[str]) -> Tensor:
    """(V, K) float32: each of K named groups is the mean of its queries.

    Args:
        groups: The group of each of V queries.
        names: The K groups.
    """
    members = torch.tensor([[float(group == name) for name in names] for group in groups])
    return members / members.sum(0, keepdim=True)
