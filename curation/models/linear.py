"""Which layers of a model influence is attributed to, and what share of its parameters that is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from curation.errors import ModelError
from curation.models.load import LanguageModel

# Names as the families of transformers have them, for `modules="mlp"` and `"attention"`.
PATTERNS = {"all": "", "mlp": r"mlp|feed_forward|\bfc|ffn|experts", "attention": r"att"}


@dataclass(frozen=True)
class LinearModule:
    """A linear layer y = W a with W (d_out, d_in), or its transposed form (GPT-2's Conv1D).

    Attributes:
        name: Its dotted name in the model.
        module: The layer.
        d_in: Width of its input.
        d_out: Width of its output.
        transposed: The weight is stored as (d_in, d_out).
        shares_input: Name of the first module that reads the very same input tensor (q for q/k/v); its own if none.
    """

    name: str
    module: nn.Module
    d_in: int
    d_out: int
    transposed: bool
    shares_input: str

    @property
    def size(self) -> int:
        """Number of weights."""
        return self.d_in * self.d_out


@dataclass(frozen=True)
class Coverage:
    """How many parameters are attributed, and where the others are."""

    modules: int
    attributed: int
    total: int
    left_out: dict[str, int]

    @property
    def share(self) -> float:
        """Attributed parameters over all parameters."""
        return self.attributed / self.total if self.total else 0.0


def linear_modules(model: LanguageModel, which: str = "all") -> list[LinearModule]:
    """The linear layers that influence can be attributed to.

    Embeddings and the output head are excluded (2308.03296). Of a model with an adapter, the adapter's layers are
    taken: they are what was trained. A layer is taken if a probe shows that it maps (rows, tokens, d_in) to
    (rows, tokens, d_out) exactly once a pass: experts behind a router, which see loose tokens, are left out.

    Args:
        model: The model.
        which: "all", "mlp", "attention", or a regular expression on module names.

    Raises:
        ModelError: Nothing can be attributed, or the expression is not valid.
    """
    try:
        pattern = re.compile(PATTERNS.get(which, which))
    except re.error as error:
        raise ModelError(f"--modules {which!r} is no valid regular expression: {error}.") from error
    head = model.module.get_output_embeddings()  # type: ignore[operator]
    embedding = model.module.get_input_embeddings()  # type: ignore[operator]
    candidates = {}
    for name, module in model.module.named_modules():
        weight = getattr(module, "weight", None)
        excluded = module is head or weight is getattr(embedding, "weight", None)
        if (
            _is_linear(module)
            and not excluded
            and pattern.search(name)
            and (not model.adapter or ".lora_" in name)
        ):
            candidates[name] = module
    inputs = _probe(model, candidates)
    first: dict[int, str] = {}
    found = []
    for name, tensor in inputs.items():
        first.setdefault(id(tensor), name)
        d_in, d_out, transposed = _shape(candidates[name])
        found.append(LinearModule(name, candidates[name], d_in, d_out, transposed, first[id(tensor)]))
    if not found:
        raise ModelError(
            f"No linear layer of {model.name} matches --modules {which!r}, so influence has nothing to attribute to; "
            "try --modules all, or leave influence out of --scores."
        )
    return found


def coverage(model: LanguageModel, modules: Sequence[LinearModule]) -> Coverage:
    """Count attributed parameters and name where the rest is: embeddings, head, biases, norms, other layers."""
    embeddings = {id(m.weight) for m in model.module.modules() if isinstance(m, nn.Embedding)}
    head = model.module.get_output_embeddings()  # type: ignore[operator]
    attributed = {id(module.module.weight) for module in modules}
    left_out: dict[str, int] = {}
    total = 0
    for name, parameter in model.module.named_parameters():
        total += parameter.numel()
        if id(parameter) in attributed:
            continue
        if id(parameter) in embeddings:
            kind = "embeddings"
        elif head is not None and parameter is head.weight:
            kind = "output head"
        elif name.endswith("bias"):
            kind = "biases"
        elif parameter.ndim == 1:
            kind = "norms"
        else:
            kind = "base model under the adapter" if model.adapter else "other layers"
        left_out[kind] = left_out.get(kind, 0) + parameter.numel()
    return Coverage(len(modules), sum(module.size for module in modules), total, left_out)


def _is_linear(module: nn.Module) -> bool:
    from transformers.pytorch_utils import Conv1D

    return isinstance(module, nn.Linear | Conv1D)


def _shape(module: Any) -> tuple[int, int, bool]:
    """(d_in, d_out, transposed)."""
    transposed = not isinstance(module, nn.Linear)
    first, second = module.weight.shape
    return (first, second, True) if transposed else (second, first, False)


def _probe(model: LanguageModel, candidates: dict[str, nn.Module]) -> dict[str, Tensor]:
    """Run 2 x 3 tokens and keep the input of every candidate that sees exactly one (2, 3, d_in) tensor."""
    seen: dict[str, list[Tensor]] = {}
    handles = [
        module.register_forward_pre_hook(lambda _, args, name=name: seen.setdefault(name, []).append(args[0]))
        for name, module in candidates.items()
    ]
    try:
        with torch.no_grad():
            model.module(torch.zeros(2, 3, dtype=torch.long, device=model.device), use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return {
        name: tensors[0]
        for name, tensors in seen.items()
        if len(tensors) == 1 and tensors[0].shape[:2] == (2, 3)
    }
