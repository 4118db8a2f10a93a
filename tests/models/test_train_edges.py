"""Trainings at the edges: traces that are empty, long or few, numbers that run away, and the same bytes twice."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from curation.demo.make_base import BASE
from curation.demo.pool import make_pool
from curation.errors import ModelError
from curation.models.encode import encode
from curation.models.load import load_module, load_tokenizer
from curation.models.train import TrainSettings, train
from curation.traces.trace import Trace

QUICK = TrainSettings(learning_rate=1e-3, epochs=1, batch_size=8, at_once=8, max_gradient_norm=1e9)
TRACES = make_pool(7).traces[:12]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def by_hand(traces: list[Trace], longest: int) -> dict[str, torch.Tensor]:
    """Gradients by hand of the mean loss over the completion tokens that are left when traces are cut off."""
    tokenizer, network = load_tokenizer(str(BASE)), load_module(str(BASE), torch.float32)
    losses = []
    for trace in traces:
        encoded = encode(tokenizer, trace.prompt, trace.response)
        ids = torch.tensor(encoded.ids[:longest])
        logits = network(ids[None]).logits[0].log_softmax(-1)
        losses += [-logits[place - 1, ids[place]] for place in range(encoded.prompt_length, len(ids))]
    torch.stack(losses).mean().backward()
    return {name: one.grad for name, one in network.named_parameters()}


def one_step(tmp_path: Path, traces: list[Trace], settings: TrainSettings) -> dict[str, torch.Tensor]:
    """Gradients as a training with a single step saw them, from Adam's first moment (1 - b1) g."""
    train(str(BASE), traces, tmp_path / "m", settings=settings, device="cpu", steps=1, checkpoints=1)
    kept = load_file(tmp_path / "m/checkpoints/1/optimizer.safetensors")
    return {name.removeprefix("exp_avg/"): one / 0.1 for name, one in kept.items() if "sq/" not in name}


def same(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> bool:
    assert set(found) == set(wanted)
    return all(float((found[name] - wanted[name]).norm() / wanted[name].norm()) < 1e-3 for name in wanted)


def test_an_empty_completion_teaches_to_end_and_nothing_else(tmp_path: Path) -> None:
    traces = [Trace(TRACES[0].prompt, ""), *TRACES[1:4]]
    assert same(one_step(tmp_path, traces, QUICK), by_hand(traces, 10_000))


def test_without_a_token_for_the_end_an_empty_completion_is_left_out(tmp_path: Path) -> None:
    endless = tmp_path / "endless"
    load_module(str(BASE), torch.float32).save_pretrained(endless)
    tokenizer = load_tokenizer(str(BASE))
    tokenizer.eos_token = None
    tokenizer.save_pretrained(endless)
    empty = Trace(TRACES[0].prompt, "")
    train(str(endless), [empty, *TRACES[1:3]], tmp_path / "with", settings=QUICK)
    train(str(endless), TRACES[1:3], tmp_path / "without", settings=QUICK)
    assert all(
        torch.equal(one, weights(tmp_path / "without")[name])
        for name, one in weights(tmp_path / "with").items()
    )
    with pytest.raises(ModelError, match="to have a completion"):
        train(str(endless), [empty], tmp_path / "m", settings=QUICK)


def test_the_loss_of_a_trace_that_is_cut_off_is_of_what_is_left(tmp_path: Path) -> None:
    lengths = [len(encode(load_tokenizer(str(BASE)), one.prompt, one.response)) for one in TRACES[:4]]
    longest = min(lengths) - 3
    settings = replace(QUICK, max_tokens=longest)
    assert same(one_step(tmp_path, TRACES[:4], settings), by_hand(TRACES[:4], longest))


def test_positions_cut_off_as_max_tokens_does(tmp_path: Path) -> None:
    positions = load_module(str(BASE), torch.float32).config.max_position_embeddings
    traces = [Trace(TRACES[0].prompt, TRACES[0].response * 40)]
    assert same(one_step(tmp_path, traces, QUICK), by_hand(traces, positions))


def test_a_batch_may_be_larger_than_the_pool(tmp_path: Path) -> None:
    for name, at_once in (("whole", 64), ("single", 1)):
        steps: list[tuple[int, int]] = []
        settings = replace(QUICK, batch_size=64, at_once=at_once, epochs=3, learning_rate=1e-4)
        train(
            str(BASE),
            TRACES[:5],
            tmp_path / name,
            settings=settings,
            on_progress=lambda done, total, steps=steps: steps.append((done, total)),
        )
        assert steps == [(1, 3), (2, 3), (3, 3)]
    whole, single = weights(tmp_path / "whole"), weights(tmp_path / "single")
    assert max(float((whole[name] - single[name]).abs().max()) for name in whole) < 2e-5


def test_weights_that_run_away_in_the_last_step_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no longer finite"):
        train(str(BASE), TRACES, tmp_path / "m", settings=replace(QUICK, learning_rate=1e39), steps=1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("count", [1, 5, 8, 9, 12])
def test_a_training_takes_the_steps_that_it_is_told(tmp_path: Path, count: int) -> None:
    steps: list[tuple[int, int]] = []
    settings = replace(QUICK, at_once=4)
    train(
        str(BASE),
        TRACES[:count],
        tmp_path / "m",
        settings=settings,
        steps=3,
        on_progress=lambda done, total: steps.append((done, total)),
    )
    assert steps == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.slow
@pytest.mark.parametrize("lora", [False, True])
def test_the_same_call_writes_the_same_bytes_in_every_process(tmp_path: Path, lora: bool) -> None:
    if lora:
        pytest.importorskip("peft")
    made = []
    for seed, hashes in ((1, "1"), (1, "2"), (2, "1")):
        output = tmp_path / f"{seed}-{hashes}"
        code = f"""
from pathlib import Path
from curation.models.train import LORA
from tests.models.test_train_edges import BASE, QUICK, TRACES, replace, train
settings = replace(LORA if {lora} else QUICK, batch_size=4, at_once=4, seed={seed})
train(str(BASE), TRACES, Path({str(output)!r}), settings=settings, lora={lora}, checkpoints=1)
"""
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": hashes},
            capture_output=True,
        )
        files = sorted(path for path in output.rglob("*") if path.is_file())
        made.append({str(path.relative_to(output)): path.read_bytes() for path in files})
    one, again, other = made
    assert one == again
    name = "adapter_model.safetensors" if lora else "model.safetensors"
    assert one[name] != other[name]
