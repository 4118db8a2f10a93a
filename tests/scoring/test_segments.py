"""Segments: integrated gradients against a plain loop and their own completeness; what is important; what has no value."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from curation.errors import ScoringError
from curation.models.encode import Encoded
from curation.models.load import LanguageModel, load_model
from curation.scoring import score as module
from curation.scoring import slices
from curation.scoring.by_step import Answered
from curation.scoring.fused import batches_of
from curation.scoring.important import important
from curation.scoring.prepare import prepare
from curation.scoring.score import score
from curation.scoring.segments import attribute, baseline_of, by_segment, segment_slice
from curation.scoring.slices import read_slice
from curation.store.catalogue import open_catalogue
from curation.store.project import Project, create_project
from curation.traces.trace import Trace
from tests.scoring.conftest import TRACES, ask_for, fill, values
from tests.tiny import tiny_model, tiny_sequences

# The loss on the last two tokens alone, the answer's.
SEQUENCES = [
    replace(one, weights=(0.0,) * (one.completion_length - 2) + (1.0, 1.0))
    for one in tiny_sequences((12, 3), (9, 2), (15, 6))
]
SEGMENTS = {"scores": ("segments",), "segment_points": 3}


def log_likelihood(model: LanguageModel, one: Encoded, e: torch.Tensor) -> torch.Tensor:
    logits = model.module(inputs_embeds=e.unsqueeze(0)).logits[0, one.prompt_length - 1 : -1]
    losses = cross_entropy(logits, torch.tensor(one.ids[one.prompt_length :]), reduction="none")
    assert one.weights is not None
    return -(losses * torch.tensor(one.weights, dtype=losses.dtype)).sum()


def in_a_loop(model: LanguageModel, one: Encoded, points: int) -> torch.Tensor:
    embedding = model.module.get_input_embeddings()
    e, b = embedding(torch.tensor(one.ids)), embedding(torch.zeros(len(one.ids), dtype=torch.long))
    total = torch.zeros_like(e)
    for point in range(points):
        at = (b + (point + 0.5) / points * (e - b)).detach().requires_grad_(True)
        total += torch.autograd.grad(log_likelihood(model, one, at), at)[0]
    return ((e - b) * total / points).sum(1)


def attributions(model: LanguageModel, points: int, budget: int = 1000) -> dict[int, torch.Tensor]:
    found = {}
    for batch in batches_of(model, SEQUENCES, budget):
        own = attribute(model, batch, points)
        found.update({i: own[start:stop] for i, (start, stop) in zip(batch.order, batch.spans, strict=True)})
    return found


@pytest.mark.parametrize("family", ["llama", "llama-tied", "gpt2", "gemma"])
def test_attributions_are_those_of_a_loop_over_embeddings(family: str) -> None:
    model = tiny_model(family)
    found = attributions(model, 4)
    for i, one in enumerate(SEQUENCES):
        assert torch.allclose(found[i], in_a_loop(model, one, 4), atol=1e-10)
        assert found[i][-1] == 0  # what comes last is read by no loss


def test_with_more_points_they_add_up_to_what_the_input_gains_on_the_baseline() -> None:
    model = tiny_model("llama")
    embedding = model.module.get_input_embeddings()
    errors = []
    for points in (2, 8, 64):
        found = attributions(model, points)
        gaps = []
        for i, one in enumerate(SEQUENCES):
            e = embedding(torch.tensor(one.ids))
            gain = log_likelihood(model, one, e) - log_likelihood(model, one, baseline_of(model).expand_as(e))
            gaps.append(float((found[i].sum() - gain).abs() / gain.abs()))
        errors.append(max(gaps))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-3


def test_it_does_not_matter_what_else_is_in_a_batch() -> None:
    model = tiny_model("qwen2")
    alone, together = attributions(model, 3, budget=1), attributions(model, 3)
    assert all(torch.allclose(alone[i], together[i], atol=1e-12) for i in alone)


def test_strength_and_consistency_by_hand() -> None:
    a = np.array([5.0, 3.0, -1.0, 2.0, 2.0, 0.0, 9.0])  # two of them prompt; the last segment has the answer
    where = Answered(np.array([0, 0, 1, 1, 2]), np.arange(5) == 4, 2, 3)
    strength, consistency = by_segment(a, 2, where)
    norm = np.linalg.norm(a)
    assert strength == pytest.approx([3 / np.sqrt(2) / norm, 2 / np.sqrt(2) / norm, np.nan], nan_ok=True)
    assert consistency == pytest.approx([1 / 3, 1, np.nan], nan_ok=True)
    for hopeless in (np.zeros(7), np.full(7, np.nan), np.append(a[:-1], np.inf)):
        assert np.isnan(by_segment(hopeless, 2, where)[1]).all()


def test_important_are_the_strong_ones_that_do_not_pull_one_way() -> None:
    strength = np.array([0.1, 0.4, 0.3, 0.2])
    assert important(strength, np.full(4, 0.5)).tolist() == [False, True, True, False]
    assert important(strength, np.array([0.5, 0.9, 0.8, 0.5])).tolist() == [False, False, True, False]
    assert important(np.ones(4), np.zeros(4)).tolist() == [True, True, True, False]
    assert important(strength, np.full(4, np.nan)).tolist() == [False] * 4
    for nothing in (np.zeros(0), np.zeros(3)):
        assert not important(nothing, nothing).any()


def test_a_run_keeps_segments_and_shares_and_lacks_what_cannot_be_attributed(
    tmp_path: Path, model_folder: Path
) -> None:
    odd = [
        Trace("add 1 1", "so " * 60),
        Trace("add 1 2", "the answer is 3"),
        Trace("add 2 2", "4 4\n\x00\n<i>4"),
    ]
    project = fill(create_project(tmp_path / "p"), [*TRACES, *odd])
    run_id = score(project, ask_for(model_folder, **SEGMENTS)).run_id
    found, catalogue = values(project, run_id), open_catalogue(project)
    rows = catalogue.rows("SELECT trace_id, name, step, value FROM steps WHERE name LIKE 'segment-%'")
    steps = {(trace_id, name, step): value for trace_id, name, step, value in rows}
    for trace in TRACES:
        assert 0 <= found["segment-share", trace.trace_id] <= 1
        assert [steps[trace.trace_id, "segment-strength", s] is None for s in range(3)] == [
            False,
            False,
            True,
        ]
        assert 0 <= steps[trace.trace_id, "segment-consistency", 0] <= 1
    assert [found["segment-share", one.trace_id] for one in odd[:2]] == [None, None]
    assert not any(trace_id == odd[1].trace_id for trace_id, *_ in rows)
    assert catalogue.rows("SELECT * FROM unscored") == []


def test_a_killed_run_goes_on_at_the_first_missing_shard_with_the_same_bits(
    project: Project, tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "SLICE_TRACES", 8)
    whole = fill(create_project(tmp_path / "whole"), TRACES)
    expected = values(whole, score(whole, ask_for(model_folder, **SEGMENTS)).run_id)
    calls = []

    def interrupted(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return segment_slice(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "segment_slice", interrupted)
    with pytest.raises(KeyboardInterrupt):
        score(project, ask_for(model_folder, **SEGMENTS))
    assert values(project, score(project, ask_for(model_folder, **SEGMENTS)).run_id) == expected
    assert len(calls) == 3 + 1


def test_one_point_at_least(model_folder: Path) -> None:
    with pytest.raises(ScoringError, match="at least one point"):
        ask_for(model_folder, segment_points=0)


def test_the_baseline_is_the_padding_token_s(project: Project, model_folder: Path) -> None:
    model = load_model(str(model_folder), dtype="float64", device="cpu")
    weight = model.module.get_input_embeddings().weight
    assert torch.equal(baseline_of(model), weight[model.tokenizer.pad_token_id])
    catalogue = open_catalogue(project)
    work = prepare(catalogue, model, ask_for(model_folder, **SEGMENTS))
    part = read_slice(catalogue, model, [TRACES[0].trace_id], template="auto", max_tokens=0)
    told: list[int] = []
    assert segment_slice(work, part, 100, told.append)["scores"].num_rows == 1
    assert told == [len(part.encoded[0])]
