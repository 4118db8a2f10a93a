"""The fused pass against autograd, on tiny models of each family."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from curation.models.batches import token_batch
from curation.models.encode import Encoded
from curation.models.linear import LinearModule, coverage, linear_modules
from curation.models.load import LanguageModel
from curation.scoring import gradient_norm
from curation.scoring.collector import Collector, Forward
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.gradient_norm import GradientNorm
from curation.scoring.influence.directions import Directions, Influence, group_weights
from curation.scoring.influence.queries import GroupSums
from curation.scoring.influence.space import Space
from curation.scoring.influence.steps import influence_by_token
from curation.scoring.likelihood import Likelihood
from curation.scoring.rds import Embedding
from curation.scoring.rsr import RankSurprisal
from tests.tiny import CONFIGS, tiny_adapted, tiny_model, tiny_sequences

SEQUENCES = tiny_sequences((7, 3), (12, 2), (9, 8), (5, 1), (12, 6))
FAMILIES = sorted(CONFIGS)
# The softmax of Gemma 2's own attention, which the reference runs, is in float32 whatever the model is in; ours is not.
OWN_PRECISION = {"gemma2": 1e-6}


def token_losses(model: LanguageModel, one: Encoded) -> Tensor:
    """The plain way: the whole sequence alone, no hooks of ours."""
    logits = model.module(torch.tensor([one.ids])).logits[0, one.prompt_length - 1 : -1]
    return cross_entropy(logits, torch.tensor(one.ids[one.prompt_length :]), reduction="none")


def autograd(
    model: LanguageModel, modules: list[LinearModule], one: Encoded, token: int | None = None
) -> dict[str, Tensor]:
    """The gradient of one sequence's summed loss (or of one of its tokens') as (d_out, d_in) for each module."""
    weights = [module.module.weight.requires_grad_(True) for module in modules]
    losses = token_losses(model, one)
    gradients = torch.autograd.grad(losses.sum() if token is None else losses[token], weights)
    for weight in weights:
        weight.requires_grad_(False)
    return {m.name: g.T if m.transposed else g for m, g in zip(modules, gradients, strict=True)}


def random_directions(modules: list[LinearModule], count: int) -> dict[str, Tensor]:
    torch.manual_seed(1)
    return {m.name: torch.randn(count, m.d_out, m.d_in, dtype=torch.float64) for m in modules}


def dense(directions: dict[str, Tensor]) -> Directions:
    """Directions that are kept whole, as groups; those by halves of the factors are the same."""
    count = len(next(iter(directions.values())))
    spaces = {
        name: Space(torch.eye(one.shape[1]).to(one), torch.eye(one.shape[2]).to(one))
        for name, one in directions.items()
    }
    cores = {name: torch.cat([one, one, one]) for name, one in directions.items()}
    return Directions([str(k) for k in range(count)], [], spaces, cores, torch.ones(count), {})


def influence(
    model: LanguageModel, modules: list[LinearModule], directions: dict[str, Tensor], budget: int
) -> tuple[Tensor, Tensor]:
    """Scores (P, K) and gradient norms (P,) from the fused pass."""
    scores = Influence.of(dense(directions), len(SEQUENCES), model.device)
    norm = GradientNorm.of(len(SEQUENCES), model.device)
    for batch in batches_of(model, SEQUENCES, budget):
        fused_pass(model, batch, [scores, norm], modules)
    return scores.scores[:, : len(next(iter(directions.values())))], norm.norm


@pytest.mark.parametrize("family", [*FAMILIES, "adapter"])
def test_trace_scores_are_dot_products_with_autograds_gradients(family: str) -> None:
    model = tiny_adapted() if family == "adapter" else tiny_model(family)
    modules = linear_modules(model)
    directions = random_directions(modules, 2)
    scores, norms = influence(model, modules, directions, budget=30)
    for i, one in enumerate(SEQUENCES):
        reference = autograd(model, modules, one)
        for k in range(2):
            expected = sum((directions[name][k] * g).sum() for name, g in reference.items())
            slack = OWN_PRECISION.get(family, 0) * float(scores.abs().max())
            torch.testing.assert_close(scores[i, k], expected, rtol=1e-9, atol=1e-12 + slack)
        expected_norm = torch.stack([g.square().sum() for g in reference.values()]).sum().sqrt()
        torch.testing.assert_close(norms[i], expected_norm, rtol=OWN_PRECISION.get(family, 1e-9), atol=0)


@pytest.mark.parametrize("family", [*FAMILIES, "adapter"])
def test_token_values_are_the_derivatives_of_single_token_losses_and_add_up(family: str) -> None:
    model = tiny_adapted() if family == "adapter" else tiny_model(family)
    modules = linear_modules(model)
    directions = random_directions(modules, 2)
    by_token: dict[int, Tensor] = {}
    for batch in batches_of(model, SEQUENCES, 30):
        values = influence_by_token(model, modules, dense(directions), batch)
        by_token.update(batch.split_by_row(values))
    scores, _ = influence(model, modules, directions, budget=1000)
    size = scores.abs().max()  # norms inside the models are computed in float32
    for i, one in enumerate(SEQUENCES):
        assert (by_token[i].sum(0) - scores[i]).abs().max() < 1e-6 * size
        for token in range(one.completion_length):
            reference = autograd(model, modules, one, token)
            expected = sum((directions[name][0] * g).sum() for name, g in reference.items())
            assert (by_token[i][token, 0] - expected).abs() < 1e-6 * size


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma2"])
def test_batching_and_padding_change_nothing(family: str) -> None:
    model = tiny_model(family, torch.float32)
    modules = linear_modules(model)
    directions = random_directions(modules, 1)
    together, norms_together = influence(model, modules, directions, budget=1000)
    alone, norms_alone = influence(model, modules, directions, budget=1)
    size = norms_alone * torch.stack([d.square().sum() for d in directions.values()]).sum().sqrt()
    assert ((together - alone).abs().squeeze(1) < 1e-5 * size).all()
    torch.testing.assert_close(norms_together, norms_alone, rtol=1e-5, atol=0)


@pytest.mark.parametrize("lengths", [((3, 1), (4, 2), (2, 1)), ((60, 20), (50, 30))], ids=["short", "long"])
def test_norms_are_the_same_side_by_side_as_one_by_one(
    lengths: tuple[tuple[int, int], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a GPU does, on a CPU; short sequences take the ghost trick, long ones form their gradients."""
    model = tiny_model("llama")
    sequences = tiny_sequences(*lengths)
    found = []
    for side_by_side in (False, True):
        monkeypatch.setattr(gradient_norm, "_side_by_side", lambda _: side_by_side)  # noqa: B023
        norm = GradientNorm.of(len(sequences), model.device)
        for batch in batches_of(model, sequences, 1000):
            fused_pass(model, batch, [norm], linear_modules(model))
        found.append(norm.norm)
    torch.testing.assert_close(*found, rtol=1e-12, atol=0)


def test_forward_collectors_against_the_plain_way() -> None:
    model = tiny_model("llama")
    likelihood, ranks, embedding = Likelihood.of(5), RankSurprisal.of(5), Embedding()
    for batch in batches_of(model, SEQUENCES, 30):
        fused_pass(model, batch, [likelihood, ranks, embedding])
    for i, one in enumerate(SEQUENCES):
        output = model.module(torch.tensor([one.ids]), output_hidden_states=True)
        losses = token_losses(model, one)
        torch.testing.assert_close(likelihood.nll[i], losses.sum())
        torch.testing.assert_close(likelihood.perplexity[i], losses.mean().exp())
        torch.testing.assert_close(likelihood.by_token[i], losses)
        assert likelihood.tokens[i] == one.completion_length
        logits = output.logits[0, one.prompt_length - 1 : -1]
        order = logits.argsort(descending=True)
        targets = torch.tensor(one.ids[one.prompt_length :])
        expected = [int((row == target).nonzero()) + 1 for row, target in zip(order, targets, strict=True)]
        torch.testing.assert_close(ranks.ratio[i], sum(min(rank, 100) for rank in expected) / losses.sum())
        hidden = output.hidden_states[-1][0]
        weights = torch.arange(1, len(hidden) + 1) / sum(range(1, len(hidden) + 1))
        pooled = (weights[:, None] * hidden).sum(0)
        torch.testing.assert_close(embedding.vectors[i], (pooled / pooled.norm()).float())


def test_ranks_are_capped() -> None:
    ranks = RankSurprisal.of(1)
    batch = token_batch(tiny_sequences((2, 1)), [0])
    ranks.forward(Forward(batch, torch.zeros(2, 4), torch.tensor([2.0]), torch.tensor([500])))
    assert ranks.ratio.tolist() == [100 / 2.0]


def test_query_gradients_are_weighted_sums_and_groups_are_means() -> None:
    model = tiny_model("llama")
    modules = linear_modules(model)
    weighted = [*SEQUENCES[:2], Encoded(SEQUENCES[3].ids, 1, SEQUENCES[3].starts, (0.0, 1.0, 0.0, -1.0))]
    gradients = GroupSums(group_weights(["a", "b", "a"], ["a", "b"]).double())
    for batch in batches_of(model, weighted, 30):
        fused_pass(model, batch, [gradients], modules)
    whole = [autograd(model, modules, one) for one in SEQUENCES[:2]]
    second, last = (autograd(model, modules, SEQUENCES[3], token) for token in (1, 3))
    for name, raw in gradients.raw.items():
        torch.testing.assert_close(raw[0], (whole[0][name] + second[name] - last[name]) / 2)
        torch.testing.assert_close(raw[1], whole[1][name])


def test_tied_head_is_left_out_and_no_weight_gets_a_gradient() -> None:
    model = tiny_model("llama-tied")
    modules = linear_modules(model)
    covered = coverage(model, modules)
    assert covered.left_out == {"embeddings": 50 * 16, "norms": 5 * 16}
    assert covered.attributed == covered.total - sum(covered.left_out.values())
    for batch in batches_of(model, SEQUENCES, 30):
        fused_pass(model, batch, [GradientNorm.of(5, model.device)], modules)
    assert all(parameter.grad is None for parameter in model.module.parameters())


def test_layers_that_read_one_input_are_recognised() -> None:
    shares = {
        m.name.split(".", 2)[2]: m.shares_input.split(".", 2)[2] for m in linear_modules(tiny_model("llama"))
    }
    assert shares["0.self_attn.k_proj"] == shares["0.self_attn.v_proj"] == "0.self_attn.q_proj"
    assert shares["0.mlp.up_proj"] == "0.mlp.gate_proj"
    assert shares["0.self_attn.o_proj"] == "0.self_attn.o_proj"
    assert shares["1.self_attn.q_proj"] == "1.self_attn.q_proj"


def test_no_backward_pass_for_forward_collectors() -> None:
    seen = []

    class Spy(Collector):
        def forward(self, seen_forward: Forward) -> None:
            seen.append(torch.is_grad_enabled())

    model = tiny_model("llama")
    batch = next(iter(batches_of(model, SEQUENCES, 1000)))
    forward = fused_pass(model, batch, [Spy()], linear_modules(model))
    assert seen == [False]
    assert forward.nll.grad_fn is None
