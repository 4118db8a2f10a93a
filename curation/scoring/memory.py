"""Work that runs out of memory is done again in smaller batches."""

from collections.abc import Callable
from typing import TypeVar

import torch

from curation.errors import ScoringError

T = TypeVar("T")
SMALLEST = 16


def within_memory(run: Callable[[int], T], token_budget: int) -> T:
    """Run some work with a budget of tokens a batch; halve the budget and start the work again if memory runs out.

    Args:
        run: Takes the budget, begins anew each time.
        token_budget: The first budget to try.

    Raises:
        ScoringError: Memory runs out even with a trace at a time.
    """
    while True:
        try:
            return run(token_budget)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if token_budget <= SMALLEST:
                raise ScoringError(
                    "Memory runs out even with one trace a batch; set --max-tokens to leave the longest traces out, or "
                    "choose fewer layers with --modules."
                ) from error
        # Out of the handler, whose traceback would keep the tensors of the failed batch alive.
        token_budget //= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on a GPU or on the CPU."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)
