"""The replay ends where `train` does; its optimiser's step is torch's own."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from curation.models.load import load_module, load_tokenizer
from curation.models.train import TrainSettings, train
from curation.scoring.trajectory.network import Network
from curation.scoring.trajectory.request import TrajectoryRequest
from curation.scoring.trajectory.schedule import schedule_of
from curation.scoring.trajectory.training import Training, prepare
from tests.scoring.conftest import TRACES, WORDS
from tests.tiny import save_tiny

# 20 traces in batches of 8: the last one of an epoch has 4, and half an epoch is left at the end.
SETTINGS = TrainSettings(
    learning_rate=5e-3, warmup=0.2, epochs=2.5, batch_size=8, at_once=4, max_gradient_norm=0.5
)


def replay(model: Path, settings: TrainSettings, *, lora: bool = False) -> Training:
    request = TrajectoryRequest(str(model), settings, lora=lora, device="cpu")
    return prepare(request, load_tokenizer(str(model)), TRACES, "auto", torch.device("cpu"))[0]


@pytest.mark.parametrize(
    ("family", "change"),
    [
        ("llama", {}),
        ("llama-tied", {"schedule": "linear", "seed": 3, "weight_decay": 0.5}),
        ("llama", {"optimizer": "sgd", "learning_rate": 0.2, "weight_decay": 0.5}),
        ("llama", {"eps": 1e-3}),
        ("gpt-neox", {"shuffled": False, "schedule": "constant", "max_gradient_norm": 0.0}),
    ],
)
def test_the_replay_ends_with_the_weights_of_train(
    tmp_path: Path, family: str, change: dict[str, Any]
) -> None:
    model, settings = save_tiny(tmp_path / "base", family, WORDS), replace(SETTINGS, **change)
    train(str(model), TRACES, tmp_path / "trained", settings=settings, device="cpu")
    training = replay(model, settings)
    ended = training.network.named(training.run().w)
    begun = training.network.named(training.network.start)
    trained = dict(load_module(str(tmp_path / "trained"), torch.float32).named_parameters())
    assert set(ended) == set(trained)
    for name, expected in trained.items():
        moved = (expected - begun[name]).norm()
        assert (ended[name] - expected).norm() < 1e-3 * moved + 1e-6, name


def test_an_adapter_is_replayed_too(model_folder: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, lora_rank=2, lora_alpha=4)
    train(str(model_folder), TRACES, tmp_path / "trained", settings=settings, lora=True, device="cpu")
    training = replay(model_folder, settings, lora=True)
    trained = load_file(tmp_path / "trained" / "adapter_model.safetensors")
    ended = {
        name.replace(".default", ""): one for name, one in training.network.named(training.run().w).items()
    }
    assert set(ended) == set(trained)
    for name, expected in trained.items():
        assert torch.allclose(ended[name], expected, rtol=1e-3, atol=1e-5), name


def test_every_epoch_takes_every_trace_once() -> None:
    schedule = schedule_of(SETTINGS, 20)
    assert [len(batch) for batch in schedule.batches] == [8, 8, 4, 8, 8, 4, 8, 8]
    assert sorted(place for batch in schedule.batches[:3] for place in batch) == list(range(20))
    assert schedule.rates[0] == 0
    assert max(schedule.rates) == 5e-3


def test_losses_do_not_depend_on_what_else_is_in_the_batch(model_folder: Path) -> None:
    training = replay(model_folder, SETTINGS)
    network: Network = training.network
    together = network.losses(network.start, training.rows)
    alone = torch.cat([network.losses(network.start, [row]) for row in training.rows])
    assert torch.allclose(together, alone, rtol=1e-5)
