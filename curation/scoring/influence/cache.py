"""Factors on disk: fitted once for a model and a sample, by groups of layers, read back a layer at a time."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from curation.models.encode import Encoded
from curation.models.linear import LinearModule
from curation.models.load import LanguageModel
from curation.scoring.influence.factors import Basis, Factors
from curation.scoring.influence.fit import Fit, fit_factors
from curation.scoring.progress import Reporter
from curation.store.publish import write_whole


@dataclass(frozen=True)
class FactorCache:
    """A folder with the factors of every layer of a model.

    Attributes:
        folder: Its files appear whole, and `index.json` when all are there.
        device: Where factors are read to.
    """

    folder: Path
    device: torch.device

    @property
    def complete(self) -> bool:
        """Whether every layer is there."""
        return (self.folder / "index.json").is_file()

    @property
    def traces(self) -> int:
        """How many traces the factors took: the most of any layer."""
        return int(json.loads((self.folder / "index.json").read_text())["traces"])

    def load(self, module: LinearModule) -> Factors:
        """The factors of one layer, in float32 or better."""
        index = json.loads((self.folder / "index.json").read_text())["modules"]
        with safe_open(self.folder / index[module.name], "pt", device=str(self.device)) as file:
            return Factors(
                Basis(tuple(_numbered(file, f"q_a/{module.shares_input}"))),
                Basis(tuple(_numbered(file, f"q_s/{module.name}"))),
                _at_least_float32(file.get_tensor(f"corrected/{module.name}")),
            )

    def fit(
        self,
        model: LanguageModel,
        groups: Sequence[Sequence[LinearModule]],
        encoded: Sequence[Encoded],
        *,
        token_budget: int,
        fit: Fit,
        reporter: Reporter,
    ) -> None:
        """Fit whatever is not there yet, one group of layers after another.

        Args:
            model: The reference model.
            groups: All layers, in groups whose factors fit into memory.
            encoded: The sample.
            token_budget: Tokens a batch.
            fit: How.
            reporter: Told of each stage.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        counts: list[int] = []
        index: dict[str, str] = {}
        for number, modules in enumerate(groups):
            name = f"layers-{number:03d}.safetensors"
            index |= {module.name: name for module in modules}
            path = self.folder / name
            if not path.exists():
                factors, traces = fit_factors(
                    model, modules, encoded, token_budget=token_budget, fit=fit, reporter=reporter
                )
                tensors = _tensors(factors, modules, model.dtype)
                del factors
                part = path.with_suffix(".tmp")
                save_file(tensors, part, metadata={"traces": str(traces)})
                part.replace(path)
                del tensors
            with safe_open(path, "pt") as file:
                counts.append(int(file.metadata()["traces"]))
        write_whole(
            self.folder / "index.json", json.dumps({"modules": index, "traces": max(counts)}).encode()
        )


def layer_groups(
    modules: Sequence[LinearModule], sizes: Sequence[int], limit: int
) -> list[list[LinearModule]]:
    """Cut the layers into runs whose sizes stay below a limit; those that share an input stay together.

    Args:
        modules: In the order of the forward pass.
        sizes: Bytes of each.
        limit: Bytes a run; one set of layers with a shared input may exceed it.
    """
    sets: list[tuple[list[LinearModule], int]] = []
    for module, size in zip(modules, sizes, strict=True):
        if sets and module.shares_input != module.name:
            last, before = sets[-1]
            sets[-1] = ([*last, module], before + size)
        else:
            sets.append(([module], size))
    groups: list[list[LinearModule]] = []
    room = 0
    for together, size in sets:
        if not groups or size > room:
            groups.append([])
            room = limit
        groups[-1] += together
        room -= size
    return groups


def fitting_bytes(module: LinearModule, item: int, block: int = 0) -> int:
    """Bytes that one layer takes at the most while its factors are fitted: covariances, then bases and halves of Lambda.

    Args:
        module: The layer.
        item: Bytes of a number in the model's precision.
        block: Width of the diagonal blocks of wider covariances; 0 if they are whole.
    """
    single = max(4, item)
    own = module.d_in if module.shares_input == module.name else 0
    bases = sum(width * min(width, block or width) for width in (own, module.d_out))
    return max(bases * single, bases * item + 2 * module.size * (single + item))


def _tensors(
    factors: dict[str, Factors], modules: Sequence[LinearModule], dtype: torch.dtype
) -> dict[str, Tensor]:
    """By name, in the model's own precision: what rotates bfloat16 gradients needs no more."""
    tensors: dict[str, Tensor] = {}
    for module in modules:
        one = factors.pop(module.name)
        bases = {f"q_s/{module.name}": one.q_s}
        if module.shares_input == module.name:
            bases[f"q_a/{module.name}"] = one.q_a
        for name, basis in bases.items():
            for number, block in enumerate(basis.blocks):
                tensors[f"{name}/{number}"] = block.to(dtype).contiguous().cpu()
        tensors[f"corrected/{module.name}"] = one.corrected.to(dtype).cpu()
    return tensors


def _numbered(file: Any, prefix: str) -> Iterator[Tensor]:
    keys = set(file.keys())
    number = 0
    while f"{prefix}/{number}" in keys:
        yield _at_least_float32(file.get_tensor(f"{prefix}/{number}"))
        number += 1


def _at_least_float32(tensor: Tensor) -> Tensor:
    # A copy, since a file's tensors are not aligned, and sums depend on that to the last bit.
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32), copy=True)
