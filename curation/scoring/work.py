"""What a scoring run works with: the model, the pool in slices, the queries, the factors."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from curation.errors import ModelError, ScoringError
from curation.models.batches import token_batches
from curation.models.encode import Encoded, encode
from curation.models.linear import LinearModule
from curation.models.load import LanguageModel
from curation.scoring.fused import Collector, fused_pass
from curation.scoring.influence.directions import QueryGradients
from curation.scoring.influence.factors import Factors, fit_factors
from curation.scoring.job import Job
from curation.scoring.progress import Reporter
from curation.scoring.request import OF_GRADIENTS, OF_QUERIES, ScoreRequest
from curation.scoring.slices import read_slice
from curation.store.catalogue import Catalogue
from curation.store.queries import load_queries
from curation.traces.query import Query


@dataclass(frozen=True)
class QuerySet:
    """The queries that a run can use, tokenised, and why it leaves others out."""

    queries: list[Query]
    encoded: list[Encoded]
    left_out: list[str] = field(default_factory=list)

    @property
    def groups(self) -> list[str]:
        """Names of the groups, in alphabetical order."""
        return sorted({query.group for query in self.queries})

    @property
    def sizes(self) -> dict[str, int]:
        """How many queries each group has."""
        return {name: sum(query.group == name for query in self.queries) for name in self.groups}


@dataclass(frozen=True)
class Work:
    """Everything that the stages of one run share.

    Attributes:
        catalogue: The project as it was at the start.
        model: The reference model.
        modules: The layers that are attributed; empty if no score needs gradients.
        queries: Those that can be used.
        request: What was asked for.
        scores: The families that are computed: those asked for, less those that need queries where there are none.
    """

    catalogue: Catalogue
    model: LanguageModel
    modules: list[LinearModule]
    queries: QuerySet
    request: ScoreRequest
    scores: frozenset[str]

    @property
    def influence(self) -> bool:
        """Whether any form of influence is computed."""
        return bool(self.scores & {"influence", "influence-rank"})

    @property
    def parameters(self) -> int:
        """Number of attributed weights: the length of one direction."""
        return sum(module.size for module in self.modules)


def possible_scores(request: ScoreRequest, queries: QuerySet) -> frozenset[str]:
    """The families that can be computed with these queries.

    Raises:
        ScoringError: None can: all that is asked for compares with queries, and there are none.
    """
    scores = frozenset(request.scores) if queries.queries else frozenset(request.scores) - OF_QUERIES
    if not scores:
        raise ScoringError(
            f"{', '.join(request.scores)} compares traces with queries, and there are none; "
            "add some with `curation queries PROJECT FILE --group gold`."
        )
    return scores


def needs_gradients(scores: frozenset[str]) -> bool:
    """Whether a backward pass is needed."""
    return bool(scores & OF_GRADIENTS)


def read_queries(catalogue: Catalogue, model: LanguageModel) -> QuerySet:
    """Tokenise the project's queries; one that does not fit the model is left out, with the reason."""
    kept: list[Query] = []
    encoded: list[Encoded] = []
    left_out: list[str] = []
    for query in load_queries(catalogue):
        try:
            one = encode(
                model.tokenizer,
                query.prompt,
                query.completion,
                template=catalogue.project.template,
                system=query.system,
                token_weights=query.token_weights,
            )
        except ModelError as error:
            left_out.append(f"{query.query_id}: {error}")
            continue
        if len(one) > model.max_tokens:
            left_out.append(
                f"{query.query_id}: {len(one):,} tokens are more than the model's {model.max_tokens:,}"
            )
            continue
        kept.append(query)
        encoded.append(one)
    return QuerySet(kept, encoded, left_out)


def factors_of(work: Work, job: Job, reporter: Reporter) -> dict[str, Factors]:
    """The EK-FAC factors: from the job's folder if an earlier try got so far, else fitted on a sample and kept there.

    Raises:
        ScoringError: No trace of the sample can be scored.
    """
    path = job.folder / "factors.safetensors"
    if path.exists():
        return _load_factors(path, work)
    sample = work.catalogue.rows(
        "SELECT trace_id FROM traces ORDER BY md5(trace_id || $1), trace_id LIMIT $2",
        [str(work.request.seed), work.request.factor_traces],
    )
    chosen = read_slice(
        work.catalogue,
        work.model,
        [trace_id for (trace_id,) in sample],
        template=work.catalogue.project.template,
        max_tokens=work.request.max_tokens,
    )
    if not chosen.encoded:
        raise ScoringError(f"No trace can be scored with {work.model.name}: {chosen.unscored[0][1]}.")
    factors = fit_factors(
        work.model,
        work.modules,
        chosen.encoded,
        token_budget=work.request.token_budget,
        seed=work.request.seed,
        reporter=reporter,
    )
    tensors = {
        f"{kind}/{name}": getattr(one, kind)
        for name, one in factors.items()
        for kind in ("q_a", "q_s", "corrected")
    }
    part = path.with_suffix(".tmp")
    save_file({name: tensor.contiguous().cpu() for name, tensor in _unshared(tensors).items()}, part)
    part.replace(path)
    return factors


def _unshared(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Every tensor once: layers that read one input share their q_a, which a file of tensors may not."""
    first = {tensor.data_ptr(): name for name, tensor in reversed(tensors.items())}
    return {name: tensors[name] for name in first.values()}


def _load_factors(path: Path, work: Work) -> dict[str, Factors]:
    tensors = load_file(str(path), device=str(work.model.device))
    return {
        module.name: Factors(
            tensors[f"q_a/{module.shares_input}"],
            tensors[f"q_s/{module.name}"],
            tensors[f"corrected/{module.name}"],
        )
        for module in work.modules
    }


def query_gradients(
    work: Work,
    chosen: Sequence[int],
    weights: torch.Tensor,
    dtype: torch.dtype,
    reporter: Reporter,
    *also: Collector,
) -> dict[str, torch.Tensor]:
    """Gradients of some queries, summed with (V, K) weights; other collectors may read the same pass."""
    encoded = [work.queries.encoded[index] for index in chosen]
    gradients = QueryGradients(weights.to(work.model.device), dtype)
    reporter.start("query gradients", sum(len(one) for one in encoded))
    collectors = [*([gradients] if work.modules and work.influence else []), *also]
    for batch in token_batches(encoded, work.request.token_budget, work.model.device):
        fused_pass(work.model, batch, collectors, work.modules)
        tokens = int(batch.real.sum())
        reporter.advance(tokens, tokens)
    reporter.finish()
    return gradients.raw
