"""GRACE against the gradients of single losses in the last hidden state, by autograd and a plain loop."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, cross_entropy

from curation.models.encode import Encoded
from curation.models.linear import linear_modules
from curation.models.load import LanguageModel
from curation.scoring.by_step import Answered
from curation.scoring.collector import Collector
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.grace import Grace, step_values
from curation.scoring.gradient_norm import GradientNorm
from curation.scoring.score import score
from curation.store import reading
from curation.store.catalogue import open_catalogue
from curation.store.project import Project, create_project
from curation.traces.trace import Trace
from tests.scoring.conftest import TRACES, ask_for, fill, values
from tests.tiny import tiny_model, tiny_sequences

SEQUENCES = tiny_sequences((14, 3), (12, 2), (20, 8), (9, 1))


def layout(one: Encoded, steps: int = 3) -> Answered:
    """Steps of equal length; the answer is the last but one token, in the last step."""
    count = one.completion_length
    step = np.arange(count) * steps // count
    return Answered(step, np.arange(count) == count - 2, steps - 1, steps)


LAYOUT = [layout(one) for one in SEQUENCES]


def slopes(model: LanguageModel, one: Encoded) -> Tensor:
    """(C, H) the gradient of each loss in the hidden state that the head reads, one backward pass a token."""
    head, seen = model.module.get_output_embeddings(), []
    handle = head.register_forward_pre_hook(
        lambda _, args: (seen.append(args[0].requires_grad_(True)), None)[1]
    )
    logits = model.module(torch.tensor([one.ids])).logits[0, one.prompt_length - 1 : -1]
    handle.remove()
    losses = cross_entropy(logits, torch.tensor(one.ids[one.prompt_length :]), reduction="none")
    found = [torch.autograd.grad(loss, seen[0], retain_graph=True)[0][0] for loss in losses]
    return torch.stack([g[one.prompt_length - 1 + t] for t, g in enumerate(found)])


def by_hand(u: Tensor, where: Answered) -> list[float]:
    steps = [u[torch.from_numpy(where.step == s)].sum(0) for s in range(where.steps)]
    answer = u[torch.from_numpy(where.answer)].sum(0)
    found = []
    for s, own in enumerate(steps):
        parts = []
        if s != where.place:
            parts.append(float(cosine_similarity(own, answer, dim=0)))
        if s > 0:
            parts.append(float(cosine_similarity(own, torch.stack(steps[:s]).sum(0), dim=0)))
        found.append(sum(parts) / len(parts))
    return found


def collected(model: LanguageModel, budget: int, *, backward: bool = False) -> Grace:
    grace = Grace(LAYOUT)
    norm = GradientNorm.of(len(SEQUENCES), model.device)
    collectors: list[Collector] = [grace, norm] if backward else [grace]
    for batch in batches_of(model, SEQUENCES, budget):
        fused_pass(model, batch, collectors, linear_modules(model) if backward else [])
    return grace


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma2"])
def test_steps_are_cosines_of_sums_of_upstream_signals(family: str) -> None:
    model = tiny_model(family)
    exact = 1e-9 if family != "gemma2" else 1e-5
    for backward in (False, True):
        grace = collected(model, 30, backward=backward)
        for i, one in enumerate(SEQUENCES):
            expected = by_hand(slopes(model, one), LAYOUT[i])
            assert grace.by_step[i].tolist() == pytest.approx(expected, abs=exact)
            assert grace.mean[i].item() == pytest.approx(np.mean(expected), abs=exact)


def test_it_does_not_matter_what_else_is_in_a_batch() -> None:
    model = tiny_model("llama")
    alone, together = collected(model, 1), collected(model, 1000)
    for i in range(len(SEQUENCES)):
        assert alone.by_step[i].tolist() == pytest.approx(together.by_step[i].tolist(), abs=1e-12)


def test_what_is_undefined_is_not_computed() -> None:
    where = Answered(np.array([0, 0, 1, 1]), np.array([False, False, False, True]), 1, 2)
    u = torch.tensor([[1.0, 0], [0, 1], [1, 1], [0, 0]])
    assert step_values(u, where).tolist() == pytest.approx(
        [torch.nan, 1.0], nan_ok=True
    )  # the answer is sure: zero
    silent = torch.tensor([[0.0, 0], [0, 0], [1, 1], [1, 0]])
    assert torch.isnan(step_values(silent, where)).all()  # nothing to compare with on either side
    broken = u.clone()
    broken[0, 0] = torch.inf
    assert torch.isnan(step_values(broken, where)).all()
    empty = replace(where, step=np.array([0, 0, 2, 2]), place=2, steps=3)
    assert step_values(u, empty).isnan().tolist() == [True, True, False]  # step 1 has no token


def test_a_run_keeps_steps_and_their_mean_and_lacks_what_has_no_answer_or_one_step(
    tmp_path: Path, model_folder: Path
) -> None:
    odd = [
        Trace("add 1 1", "so " * 60),
        Trace("add 1 2", "the answer is 3"),
        Trace("add 1 3", "4 <b>`\x00\n\n4"),
    ]
    project = fill(create_project(tmp_path / "p"), [*TRACES, *odd])
    run_id = score(project, ask_for(model_folder, scores=("grace", "nll"), dtype="float32")).run_id
    found = values(project, run_id)
    catalogue = open_catalogue(project)
    for trace in TRACES:
        steps = reading.steps(catalogue, run_id, trace.trace_id)["grace"]
        assert [trace.response[one.start : one.stop].strip() for one in steps] == trace.response.split("\n")
        own = [one.value for one in steps if one.value is not None]
        assert found["grace", trace.trace_id] == pytest.approx(np.mean(own))
        assert all(-1 <= one <= 1 for one in own)
    assert [found["grace", one.trace_id] for one in odd[:2]] == [None, None]
    assert catalogue.rows("SELECT * FROM unscored") == []
    assert "grace" not in reading.steps(catalogue, run_id, odd[1].trace_id)


def test_it_changes_no_other_score(project: Project, model_folder: Path, tmp_path: Path) -> None:
    other = fill(create_project(tmp_path / "other"), TRACES)
    scores = ("influence", "nll", "rsr", "gradient-norm")
    without = values(project, score(project, ask_for(model_folder, scores=scores, steps="none")).run_id)
    beside = values(
        other, score(other, ask_for(model_folder, scores=(*scores, "grace"), steps="none")).run_id
    )
    assert {key: value for key, value in beside.items() if key[0] != "grace"} == without
