"""EK-FAC factors of each layer's Gauss-Newton matrix (2308.03296; METHODS 2)."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from curation.models.batches import TokenBatch
from curation.models.linear import LinearModule
from curation.scoring.collector import Collector, OncePerInput


@dataclass(frozen=True)
class Basis:
    """Orthonormal eigenvectors of a (d, d) covariance, or of its diagonal blocks where the whole would be too large.

    Attributes:
        blocks: (b, b) each, eigenvectors as columns; together d wide.
    """

    blocks: tuple[Tensor, ...]

    @property
    def dtype(self) -> torch.dtype:
        """Of the eigenvectors."""
        return self.blocks[0].dtype

    def rotate(self, x: Tensor) -> Tensor:
        """(..., d) -> x Q."""
        if len(self.blocks) == 1:
            return x @ self.blocks[0]
        parts = torch.split(x, [len(block) for block in self.blocks], -1)
        return torch.cat([part @ block for part, block in zip(parts, self.blocks, strict=True)], -1)

    def back(self, columns: Tensor) -> Tensor:
        """(d, r) -> Q columns."""
        parts = torch.split(columns, [len(block) for block in self.blocks])
        return torch.cat([block @ part for part, block in zip(parts, self.blocks, strict=True)])

    def to(self, dtype: torch.dtype) -> "Basis":
        """The same in another precision."""
        return Basis(tuple(block.to(dtype) for block in self.blocks))


@dataclass(frozen=True)
class Factors:
    """One layer's curvature: G ~ (Q_A kron Q_S) diag(Lambda) (Q_A kron Q_S)'.

    Attributes:
        q_a: Eigenvectors of A = E[a a'], (d_in, d_in), over real tokens, prompt tokens included.
        q_s: Eigenvectors of S = E[g g'], (d_out, d_out), over real tokens, labels sampled from the model.
        corrected: (2, d_out, d_in) Lambda, the mean over traces of ((Q_S' G Q_A)_ij)^2, one for each half of the sample.
    """

    q_a: Basis
    q_s: Basis
    corrected: Tensor

    @property
    def eigenvalues(self) -> Tensor:
        """(d_out, d_in) Lambda over the whole sample."""
        return self.corrected.mean(0)

    def rotate(self, gradients: Tensor) -> Tensor:
        """(K, d_out, d_in) V -> Q_S' V Q_A."""
        both = self.q_a.rotate(gradients.to(self.q_a.dtype))
        return self.q_s.rotate(both.transpose(1, 2)).transpose(1, 2)


@dataclass
class Covariances(Collector):
    """Sums of a a' and g g' over all tokens; an input that several layers share is counted once.

    Attributes:
        block: Width of the diagonal blocks that are kept of wider covariances; 0 keeps all of them whole.
        a: module name -> blocks of sum a a'.
        s: module name -> blocks of sum g g'.
    """

    block: int = 0
    a: dict[str, list[Tensor]] = field(default_factory=dict)
    s: dict[str, list[Tensor]] = field(default_factory=dict)

    def input(self, batch: TokenBatch, module: LinearModule, a: Tensor) -> None:
        """Add the inputs' outer products; nothing is kept."""
        if module.shares_input == module.name:
            self._add(self.a, module.name, a)

    def output(self, batch: TokenBatch, module: LinearModule, kept: Tensor | None, g: Tensor) -> None:
        """Add the gradients' outer products."""
        self._add(self.s, module.name, g)

    def _add(self, sums: dict[str, list[Tensor]], name: str, tokens: Tensor) -> None:
        parts = [outer(part, part) for part in torch.split(tokens, self.block or tokens.shape[1], 1)]
        if name in sums:
            for total, part in zip(sums[name], parts, strict=True):
                total += part
        else:
            sums[name] = parts


@dataclass
class Corrections(Collector):
    """Sums over traces of the squared per-trace gradient in the eigenbasis, for each half of the sample.

    Attributes:
        bases: module name -> (Q_A, Q_S), in the precision that gradients are rotated in.
        squares: module name -> (2, d_out, d_in); a trace belongs to the half that its place in the sample says.
        first: Place in the sample of the first sequence that is being shown.
    """

    bases: dict[str, tuple[Basis, Basis]]
    squares: dict[str, Tensor] = field(default_factory=dict)
    first: int = 0
    _shared: OncePerInput = field(default_factory=OncePerInput)

    def input(self, batch: TokenBatch, module: LinearModule, a: Tensor) -> Tensor:
        """Rotate the inputs, once for all layers that read them; or keep them as they are for long traces."""
        if not _by_token(batch.longest, module):
            return a
        if self._shared.has(batch, module):
            return self._shared.made
        return self._shared.keep(batch, module, self.bases[module.name][0].rotate(a))

    def output(self, batch: TokenBatch, module: LinearModule, kept: Tensor | None, g: Tensor) -> None:
        """Rotate by token or by trace, whichever takes fewer multiplications at this length."""
        assert kept is not None
        q_a, q_s = self.bases[module.name]
        total = self.squares.setdefault(module.name, _zeros(2, module, g))
        by_token = _by_token(batch.longest, module)
        gradients = q_s.rotate(g) if by_token else g
        for index, (start, end) in zip(batch.order, batch.spans, strict=True):
            rotated = gradients[start:end].T @ kept[start:end]
            if not by_token:
                rotated = q_a.rotate(q_s.rotate(rotated.T).T)
            rotated = rotated.to(total.dtype)
            total[(self.first + index) % 2].addcmul_(rotated, rotated)


def _zeros(count: int, module: LinearModule, like: Tensor) -> Tensor:
    dtype = torch.promote_types(like.dtype, torch.float32)
    return torch.zeros(count, module.d_out, module.d_in, dtype=dtype, device=like.device)


def eigenvectors(total: Tensor, tokens: int) -> Tensor:
    """(d, d) sum of outer products over tokens -> eigenvectors of the mean as columns, decomposed in float64.

    On a GPU the decomposition runs there. On a CPU it is NumPy's LAPACK, which is faster than torch's for one thread and
    lets other threads go on.
    """
    mean = total.double() / tokens
    vectors = (
        torch.linalg.eigh(mean)[1] if mean.is_cuda else torch.from_numpy(np.linalg.eigh(mean.numpy())[1])
    )
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


def outer(left: Tensor, right: Tensor) -> Tensor:
    """(n, p), (n, q) -> (p, q) sum of outer products, accumulated in float32 or better.

    Products of bfloat16 numbers are accumulated in float32 inside the kernel. On a CPU the sum over one batch is then
    rounded once to bfloat16 (2^-9 of each entry), for twice the speed; sums over batches are in float32.
    """
    if left.is_cuda and left.dtype == torch.bfloat16:
        return torch.mm(left.T, right, out_dtype=torch.float32)
    product = left.T @ right
    return product.to(torch.promote_types(product.dtype, torch.float32))
