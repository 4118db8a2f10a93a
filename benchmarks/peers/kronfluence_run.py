"""Scores of traces by kronfluence's EK-FAC, over the tokens, modules and queries that the other engines get.

    python -m benchmarks.peers.kronfluence_run --model DIR --tokens tokens.json --out DIR

What makes it comparable:

- The same token ids and completions, without a tokeniser; loss and measurement are sums of cross-entropy.
- Every linear layer of the decoder and not the language-model head, as in the other engines.
- Labels are sampled from the model, kronfluence's default; `--labels data` is its `use_empirical_fisher`.
- Damping is 0.1 times a layer's mean eigenvalue: kronfluence's heuristic (`damping_factor=None`; its default is
  1e-8) and the other engines' default.
- Each group's query gradients are added up before they are preconditioned (`aggregate_query_gradients`), the
  cheapest way that kronfluence has for a group. It needs one pass over the traces a group; factors are fitted once.
- Right padding with an attention mask that also goes to `get_attention_mask`, as in kronfluence's examples, so
  padding is in no covariance. Traces are put in order of length before they are batched, which kronfluence does
  not do itself: scores do not depend on it, and it saves most of the padding. The longest come first, so that a
  batch that does not fit in memory fails at once.
- Eight samples a batch. kronfluence's own search for a size only ends when memory runs out.

The rest is kronfluence's default: factors of all traces (`--factor-traces` takes the first N), float32
covariances, eigendecomposition in float64, no low rank, everything saved to disk between stages (here in a folder
that is removed). `--dtype bfloat16` loads the model in bfloat16 and leaves those as they are; the loss is in
float32 either way. A GPU is used where there is one.

Sign: kronfluence returns grad(measurement)' (G + lambda)^-1 grad(loss), without a minus. With a loss as the
measurement, a positive score means that a step down the trace's loss also goes down the query's: the trace raises
the completions' log-likelihood. That is already this project's sign.
"""
# mypy: disable-error-code="import-not-found, import-untyped", allow-subclassing-any

import tempfile

import numpy as np
import torch
from kronfluence.analyzer import Analyzer, prepare_model
from kronfluence.arguments import FactorArguments, ScoreArguments
from kronfluence.task import Task
from kronfluence.utils.dataset import DataLoaderKwargs
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCausalLM

from benchmarks.peers.runner import Clock, Job, finish, parse
from benchmarks.peers.tokens import Sample

BATCH = 8
NAME = "peer"

Batch = dict[str, Tensor]


class CompletionLoss(Task):
    """Sum of cross-entropy over completion tokens, for traces and for queries.

    Attributes:
        modules: Names of the tracked modules.
    """

    def __init__(self, modules: list[str]) -> None:
        self.modules = modules

    def compute_train_loss(self, batch: Batch, model: nn.Module, sample: bool = False) -> Tensor:
        """The loss under the data's labels, or under labels drawn from the model."""
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        logits = logits[:, :-1].float().flatten(0, 1)
        labels = batch["labels"][:, 1:].flatten()
        if sample:
            with torch.no_grad():
                drawn = torch.multinomial(logits.detach().softmax(-1), num_samples=1).flatten()
                labels = torch.where(labels == -100, labels, drawn)
        return F.cross_entropy(logits, labels, reduction="sum")

    def compute_measurement(self, batch: Batch, model: nn.Module) -> Tensor:
        """The query's loss: see the note on the sign above."""
        return self.compute_train_loss(batch, model)

    def get_influence_tracked_modules(self) -> list[str]:
        """All linear layers of the decoder."""
        return self.modules

    def get_attention_mask(self, batch: Batch) -> Tensor:
        """(samples, tokens), 0 at padding."""
        return batch["attention_mask"]


def collate(samples: list[Sample]) -> Batch:
    """Pad on the right: with causal attention no token of a sample sees it, and it carries no loss."""
    ids = [torch.tensor(sample.ids) for sample in samples]
    labels = [torch.tensor(sample.labels) for sample in samples]
    return {
        "input_ids": pad_sequence(ids, batch_first=True),
        "labels": pad_sequence(labels, batch_first=True, padding_value=-100),
        "attention_mask": pad_sequence([torch.ones_like(one) for one in ids], batch_first=True),
    }


def by_length(samples: list[Sample]) -> list[int]:
    """Indices, the longest first."""
    return sorted(range(len(samples)), key=lambda index: -len(samples[index].ids))


def decoder_linears(model: nn.Module) -> list[str]:
    """Names of all linear layers but the head that makes the logits."""
    head = model.get_output_embeddings()  # type: ignore[operator]
    return [
        name for name, module in model.named_modules() if isinstance(module, nn.Linear) and module is not head
    ]


def score(job: Job, folder: str, clock: Clock) -> tuple[dict[str, NDArray[np.float64]], int]:
    """Fit factors, score every group.

    Returns:
        Group -> (P,) scores, and the number of modules.
    """
    with clock.stage("load"):
        model = AutoModelForCausalLM.from_pretrained(job.model, dtype=getattr(torch, job.dtype))
        task = CompletionLoss(decoder_linears(model))
        model = prepare_model(model, task)
        analyzer = Analyzer(NAME, model, task, cpu=not torch.cuda.is_available(), output_dir=folder)
        analyzer.set_dataloader_kwargs(DataLoaderKwargs(collate_fn=collate))
    traces = job.tokens.traces
    sample = traces[: job.factor_traces]
    fitted = [sample[index] for index in by_length(sample)]
    arguments = FactorArguments(strategy="ekfac", use_empirical_fisher=job.labels == "data")
    with clock.stage("covariances"):
        analyzer.fit_covariance_matrices(NAME, fitted, per_device_batch_size=BATCH, factor_args=arguments)
    with clock.stage("eigenvectors"):
        analyzer.perform_eigendecomposition(NAME, factor_args=arguments)
    with clock.stage("eigenvalues"):
        analyzer.fit_lambda_matrices(NAME, fitted, per_device_batch_size=BATCH, factor_args=arguments)
    order = by_length(traces)
    scores: dict[str, NDArray[np.float64]] = {}
    for name, queries in job.tokens.groups.items():
        with clock.stage("scores"):
            analyzer.compute_pairwise_scores(
                name,
                NAME,
                query_dataset=[queries[index] for index in by_length(queries)],
                train_dataset=[traces[index] for index in order],
                per_device_query_batch_size=BATCH,
                per_device_train_batch_size=BATCH,
                score_args=ScoreArguments(damping_factor=None, aggregate_query_gradients=True),
            )
            found = analyzer.load_pairwise_scores(name)["all_modules"]
        # (1, P) for the sum over the queries: their mean is what the other engines have.
        scores[name] = np.empty(len(traces))
        scores[name][order] = found[0].double().numpy() / len(queries)
    return scores, len(task.modules)


def main() -> None:
    """Run it."""
    job = parse("Influence by kronfluence's EK-FAC")
    clock = Clock()
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory(dir=job.out) as folder:
        scores, modules = score(job, folder, clock)
        finish(
            job, "kronfluence", clock, scores, batch=BATCH, modules=modules, damping="0.1 x mean eigenvalue"
        )


if __name__ == "__main__":
    main()
