"""How fast this machine is, measured in a few seconds, so that a plan can tell time."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from threadpoolctl import threadpool_limits

from curation.models.encode import Encoded
from curation.models.linear import LinearModule
from curation.models.load import LanguageModel
from curation.scoring.collector import Collector
from curation.scoring.costs import Stage
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.influence.factors import eigenvectors

# What goes on around a product: copies, sums, hooks. Seen with SmolLM2 on a CPU.
AROUND = 1.2
TRIED_TOKENS = 1024
WIDEST = 1024


@dataclass(frozen=True)
class Speeds:
    """Seconds for a token gone through forward and backward, for a multiplication, and for d^3 of a decomposition."""

    token: float
    half: float
    single: float
    cube: float

    def seconds(self, stage: Stage) -> float:
        """What a stage takes."""
        return (
            stage.passes * self.token
            + AROUND * (stage.half * self.half + stage.single * self.single)
            + stage.cubes * self.cube
        )


class _Backward(Collector):
    """Asks for the backward pass and reads nothing."""

    def output(self, *_: object) -> None:
        """Nothing."""


def measure_speeds(
    model: LanguageModel, modules: Sequence[LinearModule], encoded: Sequence[Encoded]
) -> Speeds:
    """Try a small batch, a matrix product in either precision and an eigendecomposition.

    Args:
        model: The model.
        modules: The attributed layers; none if no gradient is asked for.
        encoded: Some traces of the pool, of usual lengths.
    """
    some: list[Encoded] = []
    for one in encoded:
        if not some or sum(map(len, some)) + len(one) <= TRIED_TOKENS:
            some.append(one)
    collectors = [_Backward() if modules else Collector()]
    batch = next(batches_of(model, some, 2**31))
    token = _time(lambda: fused_pass(model, batch, collectors, modules), model.device) / batch.tokens
    if not modules:
        return Speeds(2 * token, 0.0, 0.0, 0.0)
    widest = max(modules, key=lambda module: module.size)
    rates: list[float] = []
    for dtype in (model.dtype, torch.promote_types(model.dtype, torch.float32)):
        left = torch.ones(TRIED_TOKENS, widest.d_in, dtype=dtype, device=model.device)
        right = torch.ones(widest.d_in, widest.d_out, dtype=dtype, device=model.device)
        rates.append(_time(lambda: left @ right, model.device) / (TRIED_TOKENS * widest.size))  # noqa: B023
    width = min(WIDEST, max(widest.d_in, widest.d_out))
    square = torch.randn(width, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    square = (square @ square.T).to(model.device)
    with threadpool_limits(1, "blas"):
        cube = _time(lambda: eigenvectors(square, 1), model.device) / width**3
    if model.device.type == "cpu":
        cube /= torch.get_num_threads()  # a matrix a thread
    half, single = rates
    return Speeds(token, half, single, cube)


def _time(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of the second of two calls."""
    work()
    _wait(device)
    start = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
