"""Scores of traces by bergson's EK-FAC, over the tokens, modules and queries that the other engines get.

    python -m benchmarks.peers.bergson_run --model DIR --tokens tokens.json --out DIR

These are the four steps of `bergson ekfac RUN --method kfac --hessian_cfg.ev_correction --loss_reduction sum
--query.aggregation mean --token_batch_size 2048 --nproc_per_node 1`, called one by one with the settings that
the command gives them (bergson/hessians/pipeline.py), so that factors are fitted once and serve every group, and
can be fitted on fewer traces. The command would do both only by hand: `--resume` skips a step whose folder is
there, and `--data.split train[:N]` is for factors and scores alike. What makes it comparable:

- The same token ids and completions: a dataset that has `input_ids`, `labels` and `length` is used as it is,
  without chat template or tokeniser (which is loaded all the same, for the model's longest input).
- Every linear layer of `model.base_model`, which leaves out the language-model head, as in the other engines.
- Labels are sampled from the model, bergson's default, at positions that carry a loss; `--labels data` is its
  `use_dataset_labels`.
- Damping is 0.1 times a layer's mean eigenvalue, bergson's default (`damped_inverse`) and the others'.
- The mean of each group's query gradients is preconditioned; each group then takes one pass over the traces.
  (One pass could score single queries, but all their gradients would have to be on disk and in memory.)
- Batches of up to 2048 tokens with padding, its default, or of the longest sample if that is longer; it puts
  samples in order of length itself.
- `--dtype bfloat16` is its `--precision bf16`: the model's dtype and that of the queries' gradients; factors stay
  float32.

The rest is bergson's default. It loads model, tokeniser and data anew for each step, which counts as "load". It
goes on with its factors in memory where it can, and saves them all (here in a folder that is removed). A GPU is
used where there is one. A trace's last token is in no covariance: nothing is predicted from it, so its gradient
is 0; kronfluence counts it, which scales S and adds one input to A. Run it with HF_HUB_OFFLINE=1: bitsandbytes,
which it depends on, looks for a kernel on the hub when it is imported.

Sign: bergson returns grad(query loss)' (G + lambda)^-1 grad(trace loss), without a minus, and marks it
`higher_is_better`: a positive score means that a step down the trace's loss also goes down the query's. That is
already this project's sign.
"""
# mypy: disable-error-code="import-not-found, import-untyped"

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
import torch
from bergson import build
from bergson.config import (
    DataConfig,
    DistributedConfig,
    HessianConfig,
    IndexConfig,
    InversionConfig,
    PreprocessConfig,
    QuerySetConfig,
    ScoreConfig,
)
from bergson.data import load_scores
from bergson.distributed import launch_distributed_run
from bergson.hessians import hessian_approximations
from bergson.hessians.apply_hessian import EkfacConfig, apply_worker
from bergson.score import score as scoring
from datasets import Dataset
from numpy.typing import NDArray

from benchmarks.peers.runner import Clock, Job, finish, parse
from benchmarks.peers.tokens import Sample

TOKENS_A_BATCH = 2048
PRECISION = {"float32": "fp32", "bfloat16": "bf16"}

Args = ParamSpec("Args")
Result = TypeVar("Result")


def save(samples: list[Sample], folder: Path) -> DataConfig:
    """Write samples the way bergson keeps tokenised ones."""
    columns = {
        "input_ids": [sample.ids for sample in samples],
        "labels": [sample.labels for sample in samples],
        "length": [len(sample.ids) for sample in samples],
    }
    Dataset.from_dict(columns).save_to_disk(folder)
    return DataConfig(dataset=str(folder))


def timed(clock: Clock, stage: str, call: Callable[Args, Result]) -> Callable[Args, Result]:
    """The same function, on the clock; the second pass of the factors, which has a flag, is the eigenvalues'."""

    def inner(*args: Args.args, **kwargs: Args.kwargs) -> Result:
        with clock.stage("eigenvalues" if kwargs.get("ev_correction") else stage):
            return call(*args, **kwargs)

    return inner


def watch(clock: Clock) -> None:
    """Put bergson's own functions on the clock: loading model and data, and the two passes that fit factors."""
    for module in (build, hessian_approximations, scoring):
        module.setup_model_and_peft = timed(clock, "load", module.setup_model_and_peft)
        module.setup_data_pipeline = timed(clock, "load", module.setup_data_pipeline)
    hessian_approximations.collect_hessians = timed(
        clock, "covariances", hessian_approximations.collect_hessians
    )


class Pipeline:
    """The steps of `bergson ekfac`, in one folder."""

    def __init__(self, job: Job, folder: Path) -> None:
        self.job = job
        self.folder = folder
        tokens = job.tokens
        self.traces = save(tokens.traces, folder / "traces")
        self.queries = {
            name: save(samples, folder / f"queries-{name}") for name, samples in tokens.groups.items()
        }
        everything = [*tokens.traces, *(sample for group in tokens.groups.values() for sample in group)]
        self.tokens_a_batch = max(TOKENS_A_BATCH, *(len(sample.ids) for sample in everything))

    def index(self, step: str, data: DataConfig) -> IndexConfig:
        """What every step is told of the model and the batches."""
        return IndexConfig(
            run_path=str(self.folder / step),
            model=str(self.job.model),
            precision=PRECISION[self.job.dtype],
            distributed=DistributedConfig(nproc_per_node=1),
            data=data,
            token_batch_size=self.tokens_a_batch,
            loss_reduction="sum",
        )

    def fit(self) -> None:
        """Covariances, eigenvectors and corrected eigenvalues of the first traces."""
        data = DataConfig(dataset=self.traces.dataset, split=f"train[:{self.job.factor_traces}]")
        settings = HessianConfig(
            method="kfac", ev_correction=True, use_dataset_labels=self.job.labels == "data"
        )
        hessian_approximations.approximate_hessians(self.index("hessian", data), settings)

    def score(self, group: str) -> NDArray[np.float64]:
        """(P,) scores for a group: its mean gradient, preconditioned, against each trace's."""
        queries = QuerySetConfig.from_data(self.queries[group], aggregation="mean")
        index = self.index(f"query-{group}", self.queries[group])
        index.partial_run_path.mkdir()
        build.build_query(index, queries, PreprocessConfig())
        preconditioned = str(self.folder / f"preconditioned-{group}")
        apply = EkfacConfig(str(self.folder / "hessian"), index.run_path, preconditioned, ev_correction=True)
        launch_distributed_run("apply_hessian", apply_worker, [apply, InversionConfig()], index.distributed)
        found = self.index(f"scores-{group}", self.traces)
        scoring.score_dataset(found, ScoreConfig(query_path=preconditioned), PreprocessConfig())
        scores: NDArray[np.float64] = np.array(load_scores(Path(found.run_path)).get(slice(None)), np.float64)
        return scores


def main() -> None:
    """Run it."""
    job = parse("Influence by bergson's EK-FAC")
    clock = Clock()
    watch(clock)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory(dir=job.out) as folder:
        with clock.stage("load"):
            pipeline = Pipeline(job, Path(folder))
        # What is left of this step without its two passes is the eigendecomposition.
        with clock.stage("eigenvectors"):
            pipeline.fit()
        scores: dict[str, NDArray[np.float64]] = {}
        for name in job.tokens.groups:
            with clock.stage("scores"):
                scores[name] = pipeline.score(name)
        settings = {"tokens_a_batch": pipeline.tokens_a_batch, "damping": "0.1 x mean eigenvalue"}
        finish(job, "bergson", clock, scores, **settings)


if __name__ == "__main__":
    main()
