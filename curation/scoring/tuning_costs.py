"""What learning each group costs, and going over the pool with the model that has learnt it."""

from curation.scoring.costs import Stage
from curation.scoring.task import SINGLE, Task
from curation.scoring.tuned import tuned_groups
from curation.scoring.work import Work

# Of a pass forward and backward to activations: gradients of weights are half as much again.
TRAINED = 1.5
# Bytes a weight while all are trained: itself, its gradient and AdamW's two moments, in float32.
IN_TRAINING = 16


def tuning_stages(task: Task, work: Work) -> list[Stage]:
    """The stages of lossdiff and irm, two a group; the answers that irm reads count for nothing here."""
    weights = sum(one.numel() for one in work.model.module.parameters())
    whole = not work.request.adapter
    stages = []
    for group in tuned_groups(work.queries):
        named = zip(work.queries.queries, work.queries.encoded, strict=True)
        tokens = sum(len(encoded) for query, encoded in named if query.group == group)
        stages.append(
            Stage(
                f"learning {group}",
                TRAINED * work.request.tune_epochs * tokens,
                memory=(IN_TRAINING if whole else SINGLE) * weights,
                disk=SINGLE * weights if whole else 0,
            )
        )
        stages.append(
            Stage(
                f"lossdiff of {group}",
                0.5 * task.trace_tokens,
                memory=task.item * weights + task.budget * task.kept,
            )
        )
    return stages
