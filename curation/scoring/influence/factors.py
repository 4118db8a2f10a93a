"""EK-FAC factors of each layer's Gauss-Newton matrix (2308.03296; METHODS 2)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from curation.models.batches import TokenBatch, token_batches
from curation.models.encode import Encoded
from curation.models.linear import LinearModule
from curation.models.load import LanguageModel
from curation.scoring.fused import Collector, fused_pass
from curation.scoring.progress import Reporter


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

    def activations(self, batch: TokenBatch, module: LinearModule, a: Tensor, g: Tensor) -> None:
        """Add one module's outer products, in float32 whatever the activations are in."""
        if module.shares_input == module.name:
            _add(self.a, module.name, _outer(a[batch.real]))
        _add(self.s, module.name, _outer(g[batch.real]))


@dataclass
class Corrections(Collector):
    """Sums over traces of the squared per-trace gradient in the eigenbasis, for each half of the sample."""

    bases: dict[str, tuple[Tensor, Tensor]]
    squares: dict[str, Tensor] = field(default_factory=dict)

    def activations(self, batch: TokenBatch, module: LinearModule, a: Tensor, g: Tensor) -> None:
        """Rotate by token or by trace, whichever takes fewer multiplications at this length."""
        q_a, q_s = self.bases[module.name]
        total = self.squares.setdefault(module.name, q_a.new_zeros(2, module.d_out, module.d_in))
        by_token = a.shape[1] * (module.d_out**2 + module.d_in**2) < module.size * (
            module.d_out + module.d_in
        )
        for index, activation, gradient in zip(
            batch.indices.tolist(), a.to(q_a.dtype), g.to(q_a.dtype), strict=True
        ):
            if by_token:
                rotated = (gradient @ q_s).T @ (activation @ q_a)
            else:
                rotated = q_s.T @ (gradient.T @ activation) @ q_a
            total[index % 2] += rotated.square()


def fit_factors(
    model: LanguageModel,
    modules: Sequence[LinearModule],
    encoded: Sequence[Encoded],
    *,
    token_budget: int,
    seed: int = 0,
    reporter: Reporter | None = None,
) -> dict[str, Factors]:
    """Fit EK-FAC factors on a sample of traces: covariances, their eigenvectors, the eigenvalue correction.

    Labels are sampled from the model, with random numbers of each sequence's own, so that batching changes nothing.

    Args:
        model: The reference model.
        modules: The layers.
        encoded: The sample; even and odd positions are its two halves.
        token_budget: Tokens a batch.
        seed: Of the sampled labels.
        reporter: Told of each stage.

    Returns:
        Factors by module name, at the model's precision but at least float32.
    """
    reporter = reporter or Reporter()
    tokens = sum(len(one) for one in encoded)

    def over_sample(stage: str, collector: Collector) -> None:
        reporter.start(stage, tokens)
        for batch in token_batches(encoded, token_budget, model.device):
            fused_pass(model, batch, [collector], modules, sampled_labels=_uniform(encoded, batch, seed))
            count = int(batch.real.sum())
            reporter.advance(count, count)
        reporter.finish()

    covariances = Covariances()
    over_sample("covariances", covariances)
    reporter.start("eigenvectors", len(covariances.a) + len(covariances.s))
    q_a = {name: _eigenvectors(total, tokens, reporter) for name, total in covariances.a.items()}
    q_s = {name: _eigenvectors(total, tokens, reporter) for name, total in covariances.s.items()}
    reporter.finish()
    del covariances
    corrections = Corrections(
        {module.name: (q_a[module.shares_input], q_s[module.name]) for module in modules}
    )
    over_sample("eigenvalues", corrections)
    halves = torch.tensor([(len(encoded) + 1) // 2, len(encoded) // 2]).clamp(min=1).to(model.device)
    return {
        name: Factors(*basis, corrected=corrections.squares[name] / halves.view(2, 1, 1))
        for name, basis in corrections.bases.items()
    }


def _uniform(encoded: Sequence[Encoded], batch: TokenBatch, seed: int) -> Tensor:
    """(N,) random numbers in [0, 1), each sequence's from a generator of its own."""
    numbers = [
        torch.rand(
            encoded[i].completion_length,
            dtype=torch.float64,
            generator=torch.Generator().manual_seed(seed * 1_000_003 + i),
        )
        for i in batch.indices.tolist()
    ]
    return torch.cat(numbers).to(batch.ids.device)


def _outer(tokens: Tensor) -> Tensor:
    """(n, d) -> (d, d) sum of outer products, accumulated in float32 or better."""
    tokens = tokens if tokens.dtype == torch.float64 else tokens.float()
    return tokens.T @ tokens


def _add(sums: dict[str, Tensor], name: str, value: Tensor) -> None:
    sums[name] = sums[name].add_(value) if name in sums else value


def _eigenvectors(total: Tensor, tokens: int, reporter: Reporter) -> Tensor:
    """(d, d) sum of outer products -> eigenvectors of the mean as columns, decomposed in float64."""
    vectors: Tensor = torch.linalg.eigh(total.double() / tokens)[1]
    reporter.advance(1)
    return vectors.to(total.dtype)
