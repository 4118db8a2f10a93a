"""Memory: what there is, and going on with smaller batches where a batch does not fit."""

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil
import torch

from curation.errors import ScoringError

R = TypeVar("R")

SMALLEST_BUDGET = 64
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "Cannot allocate memory")


def within_memory(compute: Callable[[int], R], token_budget: int) -> R:
    """Call `compute` with a token budget; where memory runs out, again from its start with half of it.

    Raises:
        ScoringError: Not even the smallest batch fits.
    """
    budget = token_budget
    while True:
        give_back()
        try:
            return compute(budget)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if budget <= SMALLEST_BUDGET:
                raise ScoringError(
                    "Not even the smallest batch fits into memory; choose a smaller model, --dtype bfloat16, a lower "
                    "--max-tokens, or a machine with more."
                ) from error
            budget = max(SMALLEST_BUDGET, budget // 2)
        # The next try begins outside of the handler, whose error keeps the tensors of every frame alive.


def give_back() -> None:
    """Return to the system what the stages before have freed, so that a stage's peak is its own."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        if hasattr(library, "malloc_trim"):  # glibc
            library.malloc_trim(0)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whatever device."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY)
    )


def available(device: torch.device) -> int:
    """Bytes that a run may still take on a device: free ones, and on a CPU those that caches would give back."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    limits = [int(psutil.virtual_memory().available), free_of_group(Path("/sys/fs/cgroup"))]
    return min(limit for limit in limits if limit is not None)


def free_of_group(folder: Path) -> int | None:
    """What a container's limit leaves; None where there is none."""
    try:
        most = (folder / "memory.max").read_text().strip()
        used = (folder / "memory.current").read_text().strip()
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    # What files are cached in counts as used, but is given up when it is needed.
    return None if most == "max" else int(most) - int(used) + int(stat.get("inactive_file", 0))


def resident(device: torch.device) -> int:
    """Bytes that this process holds on a device now."""
    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    return int(psutil.Process().memory_info().rss)
