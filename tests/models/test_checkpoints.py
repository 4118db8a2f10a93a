"""Checkpoints against an AdamW loop of our own, whole or not there."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from curation.demo.make_base import BASE
from curation.demo.pool import make_pool
from curation.errors import ModelError
from curation.models.checkpoints import steps_of
from curation.models.encode import encode
from curation.models.load import load_model, load_module, load_tokenizer
from curation.models.train import LORA, TrainSettings, train

TRACES = make_pool(7).traces[:8]
ONE_BATCH = TrainSettings(
    learning_rate=1e-3, epochs=4, batch_size=8, at_once=8, max_gradient_norm=1e9, weight_decay=0.1
)


def reference(steps: int) -> tuple[torch.nn.Module, torch.optim.AdamW]:
    """The same training by hand: every trace in every step, with the mean loss over completion tokens."""
    tokenizer, network = load_tokenizer(str(BASE)), load_module(str(BASE), torch.float32)
    named = dict(network.named_parameters())
    bare = {name for name in named if "norm" in name or name.endswith("bias")}
    groups = [
        {"params": [named[name] for name in named if name not in bare], "weight_decay": 0.1},
        {"params": [named[name] for name in named if name in bare], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.999), eps=1e-8)
    encoded = [encode(tokenizer, trace.prompt, trace.response) for trace in TRACES]
    count = sum(one.completion_length for one in encoded)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = cosine(step)
        optimizer.zero_grad()
        for one in encoded:
            logits = network(torch.tensor([one.ids])).logits[0, one.prompt_length - 1 : -1]
            target = torch.tensor(one.ids[one.prompt_length :])
            (torch.nn.functional.cross_entropy(logits, target, reduction="sum") / count).backward()
        optimizer.step()
    return network, optimizer


def cosine(step: int) -> float:
    return 1e-3 * 0.5 * (1 + math.cos(math.pi * step / 4))


def test_moments_and_weights_are_those_of_adamw_by_hand(tmp_path: Path) -> None:
    train(str(BASE), TRACES, tmp_path / "m", settings=ONE_BATCH, device="cpu", checkpoints=2)
    folder = tmp_path / "m/checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == ["2", "4"]
    for step in (2, 4):
        network, optimizer = reference(step)
        kept = load_file(folder / str(step) / "optimizer.safetensors")
        loaded = dict(load_model(str(folder / str(step)), device="cpu").module.named_parameters())
        assert set(kept) == {f"{moment}/{name}" for name in loaded for moment in ("exp_avg", "exp_avg_sq")}
        for name, parameter in network.named_parameters():
            assert torch.allclose(loaded[name], parameter, rtol=1e-3, atol=1e-6), name
            for moment in ("exp_avg", "exp_avg_sq"):
                own, other = optimizer.state[parameter][moment], kept[f"{moment}/{name}"]
                assert float((own - other).norm() / own.norm()) < 1e-3, f"{moment}/{name}"
    told = [json.loads((folder / step / "step.json").read_text()) for step in ("2", "4")]
    assert [one["step"] for one in told] == [2, 4]
    assert [one["learning_rate"] for one in told] == pytest.approx([cosine(1), cosine(3)])
    means = [(cosine(0) + cosine(1)) / 2, (cosine(2) + cosine(3)) / 2]
    assert [one["mean_learning_rate"] for one in told] == pytest.approx(means)
    rest = {"betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.1}
    assert all(one.items() >= rest.items() for one in told)


def test_the_last_one_is_the_output_and_keeping_them_changes_nothing(tmp_path: Path) -> None:
    train(str(BASE), TRACES, tmp_path / "with", settings=ONE_BATCH, checkpoints=3)
    train(str(BASE), TRACES, tmp_path / "without", settings=ONE_BATCH)
    last = tmp_path / "with/checkpoints/4/model.safetensors"
    assert last.read_bytes() == (tmp_path / "with/model.safetensors").read_bytes()
    assert last.read_bytes() == (tmp_path / "without/model.safetensors").read_bytes()
    assert not (tmp_path / "without/checkpoints").exists()


def test_checkpoints_of_an_adapter_hold_its_moments_alone(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    settings = replace(LORA, epochs=3, batch_size=8, at_once=8)
    train(str(BASE), TRACES, tmp_path / "a", settings=settings, lora=True, checkpoints=3)
    last = tmp_path / "a/checkpoints/3"
    weights = "adapter_model.safetensors"
    assert (last / weights).read_bytes() == (tmp_path / "a" / weights).read_bytes()
    first = load_model(str(BASE), adapter=str(tmp_path / "a/checkpoints/1"))
    loaded = {name: one.shape for name, one in first.module.named_parameters() if "lora_" in name}
    kept = load_file(tmp_path / "a/checkpoints/1/optimizer.safetensors")
    assert {
        name.removeprefix("exp_avg/"): one.shape for name, one in kept.items() if "sq/" not in name
    } == loaded
    # After one step from the start, m = (1 - b1) g and v = (1 - b2) g^2.
    for name in loaded:
        gradient = kept[f"exp_avg/{name}"] / 0.1
        assert torch.allclose(kept[f"exp_avg_sq/{name}"], 1e-3 * gradient**2, rtol=1e-3, atol=1e-20)


def test_they_are_evenly_spaced_and_no_more_than_steps() -> None:
    assert steps_of(4, 10) == [2, 5, 8, 10]
    assert steps_of(10, 10) == list(range(1, 11))
    assert steps_of(0, 10) == []
    for wrong in (11, -1):
        with pytest.raises(ModelError, match="ask for 0 to 10"):
            steps_of(wrong, 10)


def test_too_many_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="4 optimiser steps cannot keep 5 checkpoints"):
        train(str(BASE), TRACES, tmp_path / "m", settings=ONE_BATCH, checkpoints=5)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_training_leaves_no_output_and_the_next_one_is_whole(tmp_path: Path) -> None:
    output = tmp_path / "m"
    code = f"""
from pathlib import Path
from tests.models.test_checkpoints import BASE, ONE_BATCH, TRACES, replace, train
train(str(BASE), TRACES, Path({str(output)!r}), settings=replace(ONE_BATCH, epochs=5000), checkpoints=2500)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
    )
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up and process.poll() is None:
        if (tmp_path / "m.part/checkpoints/2/step.json").exists():
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == ["m.part"]
    train(str(BASE), TRACES, output, settings=ONE_BATCH, checkpoints=1)
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    assert [path.name for path in (output / "checkpoints").iterdir()] == ["4"]
