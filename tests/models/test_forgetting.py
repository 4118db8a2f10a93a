"""The bounded loss against its definition in float64, its bound, and a training that forgets one trace and keeps another."""

from pathlib import Path
from types import SimpleNamespace

import torch

from curation.models.encode import encode
from curation.models.forgetting import bounded_loss, to_forget
from curation.models.load import load_model
from curation.models.train import TrainSettings, train
from curation.models.trainer import IGNORED, pad
from curation.traces.trace import Trace
from tests.tiny import save_tiny


def test_the_loss_is_its_definition_and_its_gradient_is_p() -> None:
    torch.manual_seed(0)
    keep = {"input_ids": [1, 2, 3, 4], "labels": [IGNORED, 2, 3, 4]}
    lose = to_forget({"input_ids": [1, 0, 3], "labels": [IGNORED, 0, 3]})
    batch = pad([keep, lose], 0)
    logits = torch.randn(2, 4, 6, dtype=torch.float64, requires_grad=True)
    loss = bounded_loss(SimpleNamespace(logits=logits), batch["labels"])
    p = logits.softmax(-1)
    kept = -(p[0, 0, 2].log() + p[0, 1, 3].log() + p[0, 2, 4].log())
    lost = -((1 - p[1, 0, 0]).log() + (1 - p[1, 1, 3]).log())
    torch.testing.assert_close(loss.double(), (kept + lost) / 5, rtol=1e-6, atol=1e-6)
    loss.backward()
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad[1, 0, 0], p[1, 0, 0] / 5, rtol=1e-5, atol=1e-6)
    halves = [
        bounded_loss(SimpleNamespace(logits=logits[one : one + 1]), batch["labels"][one : one + 1], 5)
        for one in range(2)
    ]
    torch.testing.assert_close(halves[0] + halves[1], loss)


def test_it_is_finite_where_the_token_is_certain_and_zero_where_it_is_forgotten() -> None:
    labels = torch.tensor([[IGNORED, IGNORED - 1 - 2]])
    for certain, expected in ((30.0, 30.0), (-200.0, 0.0)):
        logits = torch.zeros(1, 2, 3)
        logits[0, 0, :2], logits[0, 0, 2] = -torch.log(torch.tensor(2.0)), certain
        logits.requires_grad_()
        loss = bounded_loss(SimpleNamespace(logits=logits), labels)
        loss.backward()
        torch.testing.assert_close(loss.detach(), torch.tensor(expected), atol=1e-4, rtol=1e-4)
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()


def nll(folder: Path, trace: Trace) -> float:
    model = load_model(str(folder), device="cpu", dtype="float32")
    encoded = encode(model.tokenizer, trace.prompt, trace.response, template="plain")
    ids = torch.tensor([encoded.ids])
    losses = torch.nn.functional.cross_entropy(model.module(ids).logits[0, :-1], ids[0, 1:], reduction="none")
    return float(losses[encoded.prompt_length - 1 :].mean())


def test_training_forgets_what_it_is_told_and_keeps_the_rest(tmp_path: Path) -> None:
    base = save_tiny(tmp_path / "base", words="ask this now and then that was all of it")
    keep, lose = Trace("ask this", "now and then"), Trace("ask that", "was all of it")
    settings = TrainSettings(learning_rate=3e-3, epochs=200, batch_size=2)
    train(str(base), [keep, lose], tmp_path / "tuned", template="plain", settings=settings, device="cpu")
    once = TrainSettings(learning_rate=3e-3, epochs=40, batch_size=2, at_once=2)
    train(
        str(tmp_path / "tuned"),
        [keep],
        tmp_path / "after",
        template="plain",
        settings=once,
        device="cpu",
        forget=[lose],
    )
    assert nll(tmp_path / "after", lose) > nll(tmp_path / "tuned", lose) + 1
    assert nll(tmp_path / "after", keep) < nll(tmp_path / "tuned", keep) + 0.2
