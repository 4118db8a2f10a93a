"""EK-FAC factors of each layer's Gauss-Newton matrix (2308.03296; METHODS 2)."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from curation.models.batches import TokenBatch
from curation.models.linear import LinearModule
from curation.scoring.fused import Collector, OncePerInput


@dataclass(frozen=True)
class Factors:
    """One layer's curvature: G ~ (Q_A kron Q_S) diag(Lambda) (Q_A kron Q_S)'.

    Attributes:
        q_a: (d_in, d_in) eigenvectors of A = E[a a'] over real tokens, prompt tokens included.
        q_s: (d_out, d_out) eigenvectors of S = E[g g'] over real tokens, labels sampled from the model.
        corrected: (2, d_out, d_in) Lambda, the mean over traces of ((Q_S' G Q_A)_ij)^2, one for each half of the sample.
    """

    q_a: Tensor
    q_s: Tensor
    corrected: Tensor

    @property
    def eigenvalues(self) -> Tensor:
        """(d_out, d_in) Lambda over the whole sample."""
        return self.corrected.mean(0)


@dataclass
class Covariances(Collector):
    """Sums of a a' and g g' over real tokens; an input that several layers share is counted once."""

    a: dict[str, Tensor] = field(default_factory=dict)
    s: dict[str, Tensor] = field(default_factory=dict)

    def input(self, batch: TokenBatch, module: LinearModule, a: Tensor) -> None:
        """Add the inputs' outer products, in float32 whatever they are in; nothing is kept."""
        if module.shares_input == module.name:
            _add(self.a, module.name, _outer(a[batch.real]))

    def output(self, batch: TokenBatch, module: LinearModule, kept: Tensor | None, g: Tensor) -> None:
        """Add the gradients' outer products."""
        _add(self.s, module.name, _outer(g[batch.real]))


@dataclass
class Corrections(Collector):
    """Sums over traces of the squared per-trace gradient in the eigenbasis, for each half of the sample.

    Attributes:
        bases: module name -> (Q_A, Q_S).
        squares: module name -> (2, d_out, d_in); a trace belongs to the half that its place in the sample says.
    """

    bases: dict[str, tuple[Tensor, Tensor]]
    squares: dict[str, Tensor] = field(default_factory=dict)
    _shared: OncePerInput = field(default_factory=OncePerInput)

    def input(self, batch: TokenBatch, module: LinearModule, a: Tensor) -> Tensor:
        """Rotate the inputs, once for all layers that read them; or keep them as they are for long traces."""
        q_a, _ = self.bases[module.name]
        if not _by_token(a.shape[1], module):
            return a
        if self._shared.has(batch, module):
            return self._shared.made
        return self._shared.keep(batch, module, a.to(q_a.dtype) @ q_a)

    def output(self, batch: TokenBatch, module: LinearModule, kept: Tensor | None, g: Tensor) -> None:
        """Rotate by token or by trace, whichever takes fewer multiplications at this length."""
        assert kept is not None
        q_a, q_s = self.bases[module.name]
        total = self.squares.setdefault(module.name, q_a.new_zeros(2, module.d_out, module.d_in))
        by_token = _by_token(g.shape[1], module)
        gradients = g.to(q_s.dtype) @ q_s if by_token else g.to(q_s.dtype)
        for index, inputs, gradient in zip(batch.order, kept.to(q_a.dtype), gradients, strict=True):
            rotated = gradient.T @ inputs
            rotated = rotated if by_token else q_s.T @ rotated @ q_a
            total[index % 2].addcmul_(rotated, rotated)


def eigenvectors(total: Tensor, tokens: int) -> Tensor:
    """(d, d) sum of outer products over tokens -> eigenvectors of the mean as columns, decomposed in float64."""
    vectors: Tensor = torch.linalg.eigh(total.double() / tokens)[1]
    return vectors.to(total.dtype)


def reliability(squares: Iterable[Tensor], damping: float) -> float:
    """How well the scores along two halves of the sample agree, and with it those along the whole with another whole.

    For a query drawn from the fitted curvature, E[R_ij^2] = Lambda_ij in the eigenbasis, and a trace drawn from it, the
    scores along R / (Lambda_1 + lambda) and R / (Lambda_2 + lambda) have the covariance
    sum Lambda^2 / ((Lambda_1 + lambda)(Lambda_2 + lambda)): their correlation rho follows, and 2 rho / (1 + rho) for
    the whole sample (Spearman-Brown).

    Args:
        squares: For each layer (2, d_out, d_in) sums or means of the halves, which are equally large.
        damping: In units of the mean eigenvalue.

    Returns:
        A number up to 1.
    """
    both = first = second = 0.0
    for halves in squares:
        if not (means := halves.mean((1, 2))).all():
            continue
        mean = halves.mean(0)
        one, other = (mean / (half + damping * of) for half, of in zip(halves, means, strict=True))
        both += float((one * other).sum())
        first += float(one.square().sum())
        second += float(other.square().sum())
    rho = both / (first * second) ** 0.5 if first and second else 0.0
    return 2 * rho / (1 + rho)


def _by_token(tokens: int, module: LinearModule) -> bool:
    """Whether T (d_out^2 + d_in^2) multiplications are fewer than d_out d_in (d_out + d_in)."""
    return tokens * (module.d_out**2 + module.d_in**2) < module.size * (module.d_out + module.d_in)


def _outer(tokens: Tensor) -> Tensor:
    """(n, d) -> (d, d) sum of outer products, accumulated in float32 or better."""
    if tokens.is_cuda and tokens.dtype == torch.bfloat16:
        return torch.mm(tokens.T, tokens, out_dtype=torch.float32)
    tokens = tokens if tokens.dtype == torch.float64 else tokens.float()
    return tokens.T @ tokens


def _add(sums: dict[str, Tensor], name: str, value: Tensor) -> None:
    sums[name] = sums[name].add_(value) if name in sums else value
