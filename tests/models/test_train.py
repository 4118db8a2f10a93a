import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from curation.demo.make_base import BASE
from curation.demo.pool import make_pool
from curation.errors import ModelError
from curation.models.encode import encode
from curation.models.examples import examples_of
from curation.models.load import load_model, load_module, load_tokenizer
from curation.models.train import LORA, TrainSettings, train
from curation.models.trainer import IGNORED, make_trainer, pad
from curation.traces.steps import split_steps
from curation.traces.trace import Trace

QUICK = TrainSettings(learning_rate=2e-3, epochs=1, batch_size=8, at_once=8)
TRACES = make_pool(7).traces[:32]


def completion_loss(model: Path) -> float:
    """Mean negative log-likelihood of a completion's tokens, computed trace by trace."""
    loaded = load_model(str(model))
    total, count = 0.0, 0
    for trace in TRACES:
        encoded = encode(loaded.tokenizer, trace.prompt, trace.response)
        with torch.inference_mode():
            logits = loaded.module(torch.tensor([encoded.ids])).logits[0].log_softmax(-1)
        for place in range(encoded.prompt_length, len(encoded)):
            total -= float(logits[place - 1, encoded.ids[place]])
            count += 1
    return total / count


def test_training_lowers_the_loss_on_completions_and_saves_model_and_tokenizer(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    train(
        str(BASE),
        TRACES,
        tmp_path / "m",
        settings=replace(QUICK, learning_rate=5e-4, epochs=5),
        on_progress=lambda done, total: steps.append((done, total)),
    )
    assert steps == [(step, 20) for step in range(1, 21)]
    assert completion_loss(tmp_path / "m") < 0.8 * completion_loss(BASE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m"]


def test_the_trainer_minimises_the_loss_of_completion_tokens_alone(tmp_path: Path) -> None:
    tokenizer, network = load_tokenizer(str(BASE)), load_module(str(BASE), torch.float32)
    encoded = [encode(tokenizer, trace.prompt, trace.response) for trace in TRACES]
    examples = [
        {"input_ids": list(e.ids), "labels": [IGNORED] * e.prompt_length + list(e.ids[e.prompt_length :])}
        for e in encoded
    ]
    trainer = make_trainer(network, examples, 0, tmp_path / "scratch", QUICK, "cpu", None)
    batch = pad(examples, 0)
    loss = trainer.compute_loss(network.eval(), batch).item()
    assert loss == pytest.approx(completion_loss(BASE), rel=1e-5)


def test_a_masked_step_carries_no_loss_but_is_read(tmp_path: Path) -> None:
    """The loss is that of the other tokens, the masked ones before them; a change of a masked label changes nothing."""
    tokenizer, network = load_tokenizer(str(BASE)), load_module(str(BASE), torch.float32).eval()
    trace = TRACES[0]
    first, last = split_steps(trace.response)[0], split_steps(trace.response)[-1]
    whole = examples_of(tokenizer, [trace], "auto", 512)[0]
    masked = examples_of(tokenizer, [replace(trace, masked=(first,))], "auto", 512)[0]
    assert masked["input_ids"] == whole["input_ids"]
    encoded = encode(tokenizer, trace.prompt, trace.response)
    inside = [encoded.prompt_length + i for i, start in enumerate(encoded.starts) if start < first[1]]
    expected = [IGNORED if place in inside else label for place, label in enumerate(whole["labels"])]
    assert 0 < len(inside) < encoded.completion_length
    assert masked["labels"] == expected
    trainer = make_trainer(network, [masked], 0, tmp_path / "scratch", QUICK, "cpu", None)
    logits = network(torch.tensor([encoded.ids])).logits[0].log_softmax(-1)
    learned = [place for place, label in enumerate(expected) if label != IGNORED]
    mean = -sum(float(logits[place - 1, encoded.ids[place]]) for place in learned) / len(learned)
    assert trainer.compute_loss(network, pad([masked], 0)).item() == pytest.approx(mean, rel=1e-5)
    end = examples_of(tokenizer, [replace(trace, masked=(last,))], "auto", 512)[0]["labels"]
    assert end[-1] == IGNORED  # the end of the sequence belongs to the last step


def test_a_trace_whose_steps_are_all_masked_is_left_out(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(str(BASE))
    nothing = replace(TRACES[0], masked=((0, len(TRACES[0].response)),))
    assert [one is None for one in examples_of(tokenizer, [nothing, TRACES[1]], "auto", 512)] == [True, False]
    with pytest.raises(ModelError, match="none can be trained on"):
        train(str(BASE), [nothing], tmp_path / "m", settings=QUICK)
    prompt = len(encode(tokenizer, TRACES[0].prompt, "").ids) - 1
    early = replace(TRACES[0], masked=(split_steps(TRACES[0].response)[0],))
    with pytest.raises(ModelError, match="none can be trained on"):  # what is left of it is beyond the limit
        examples_of(tokenizer, [early], "auto", prompt + 2)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("again", 1), ("two", 2)):
        train(str(BASE), TRACES, tmp_path / name, settings=replace(QUICK, seed=seed))
    one, again, two = (load_file(tmp_path / n / "model.safetensors") for n in ("one", "again", "two"))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not all(torch.equal(one[name], two[name]) for name in one)


def test_without_shuffling_only_the_given_order_matters(tmp_path: Path) -> None:
    fixed = replace(QUICK, shuffled=False)
    train(str(BASE), TRACES, tmp_path / "one", settings=replace(fixed, seed=1))
    train(str(BASE), TRACES, tmp_path / "two", settings=replace(fixed, seed=2))
    train(str(BASE), TRACES[::-1], tmp_path / "turned", settings=replace(fixed, seed=1))
    one, two, turned = (load_file(tmp_path / n / "model.safetensors") for n in ("one", "two", "turned"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], turned[name]) for name in one)


def test_taking_fewer_traces_at_once_changes_nothing(tmp_path: Path) -> None:
    slow = replace(QUICK, learning_rate=1e-4)
    train(str(BASE), TRACES, tmp_path / "whole", settings=slow)
    train(str(BASE), TRACES, tmp_path / "parts", settings=replace(slow, at_once=2))
    whole, parts = (load_file(tmp_path / n / "model.safetensors") for n in ("whole", "parts"))
    assert max(float((whole[name] - parts[name]).abs().max()) for name in whole) < 2e-5


def test_an_adapter_is_saved_alone_and_loads_on_its_base(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    train(str(BASE), TRACES, tmp_path / "a", settings=replace(LORA, batch_size=8, at_once=8), lora=True)
    assert not (tmp_path / "a/model.safetensors").exists()
    adapted = load_model(str(BASE), adapter=str(tmp_path / "a"))
    bare = load_model(str(BASE))
    ids = torch.tensor([encode(bare.tokenizer, TRACES[0].prompt, TRACES[0].response).ids])
    assert not torch.equal(adapted.module(ids).logits, bare.module(ids).logits)


def test_a_loss_that_is_not_finite_stops_and_leaves_nothing(tmp_path: Path) -> None:
    broken = load_module(str(BASE), torch.float32)
    broken.model.norm.weight.data.fill_(math.inf)
    broken.save_pretrained(tmp_path / "broken")
    load_tokenizer(str(BASE)).save_pretrained(tmp_path / "broken")
    with pytest.raises(ModelError, match="loss became nan after 0 steps"):
        train(str(tmp_path / "broken"), TRACES, tmp_path / "m", settings=QUICK)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken"]


def test_long_traces_are_cut_off_and_prompts_without_room_are_left_out(tmp_path: Path) -> None:
    long = Trace(prompt=TRACES[0].prompt, response=TRACES[0].response * 40)
    endless = Trace(prompt=TRACES[0].prompt * 40, response="The answer is 3.")
    train(str(BASE), [long, endless, TRACES[1]], tmp_path / "m", settings=QUICK)
    assert (tmp_path / "m/model.safetensors").exists()
    with pytest.raises(ModelError, match="none can be trained on"):
        train(str(BASE), [endless], tmp_path / "n", settings=QUICK)


def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="already there"):
        train(str(BASE), TRACES, tmp_path, settings=QUICK)
    with pytest.raises(ModelError, match="0 traces"):
        train(str(BASE), [], tmp_path / "m", settings=QUICK)
    with pytest.raises(ModelError, match="no model folder"):
        train(str(tmp_path / "absent"), TRACES, tmp_path / "m", settings=QUICK)
    with pytest.raises(ModelError, match="multiple"):
        replace(QUICK, at_once=3)
    with pytest.raises(ModelError, match="schedule"):
        replace(QUICK, schedule="sudden")
    with pytest.raises(ModelError, match="--optimizer is adamw or sgd, not 'lion'"):
        replace(QUICK, optimizer="lion")
    for eps in (0, -1e-8, math.nan, math.inf):
        with pytest.raises(ModelError, match=r"--eps is .*; it has to be above 0"):
            replace(QUICK, eps=eps)
    for change in ({"warmup": -0.1}, {"weight_decay": -1}, {"weight_decay": math.nan}):
        with pytest.raises(ModelError, match="from 0 on"):
            replace(QUICK, **change)
    with pytest.raises(ModelError, match="sgd has none"):
        train(str(BASE), TRACES, tmp_path / "m", settings=replace(QUICK, optimizer="sgd"), checkpoints=1)
    assert not (tmp_path / "m").exists()


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train(str(BASE), TRACES, tmp_path / "m", settings=QUICK)
    assert capfd.readouterr().out == ""
