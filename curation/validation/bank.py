"""What models retrained on random parts of the pool make of the queries."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Bank:
    """What retrained models make of the queries.

    Attributes:
        query_ids: (Q,) the queries.
        inside: (M, T) whether a trace of the frame is in a model's part.
        log_likelihood: (M, S, Q) nats of each query's completion, by token weights, after training on a part with a seed.
    """

    query_ids: tuple[str, ...]
    inside: NDArray[np.bool_]
    log_likelihood: NDArray[np.float64]
