"""What a run has to work in, decided before it begins: threads, tokens a batch, memory for layers."""

import torch

from curation.scoring.job import Room
from curation.scoring.memory import available
from curation.scoring.work import Work

# Larger batches are no faster than these, and take more memory.
WORTH_ON_CPU, WORTH_ON_GPU = 2048, 32_768
# Shares of free memory: what a run plans with, and what of that a batch's activations may take.
USABLE, ACTIVATIONS = 0.8, 0.3
# What autograd keeps of a token, in units of the widths of all attributed layers' inputs and outputs: seen with
# SmolLM2-135M in bfloat16, and some more, since the plan should not be too low.
KEPT = 1.5


def room_for(work: Work) -> Room:
    """Room for a run that has not begun; what the request fixes is as it says."""
    request, device = work.request, work.model.device
    usable = int(request.memory_gb * 1e9) or int(USABLE * available(device))
    token = max(1, token_bytes(work))
    worth = WORTH_ON_GPU if device.type == "cuda" else WORTH_ON_CPU
    budget = request.token_budget or max(128, min(worth, int(ACTIVATIONS * usable) // token))
    return Room(torch.get_num_threads(), budget, max(1, usable - budget * token))


def token_bytes(work: Work) -> int:
    """Bytes of activations for each token of a batch."""
    widths = sum(module.d_in + module.d_out for module in work.modules)
    return int(KEPT * widths * work.model.dtype.itemsize)
