"""Influence by token as a run keeps it: what adds up to what, against autograd, and which runs have it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from curation.models.load import load_model
from curation.scoring.prepare import prepare
from curation.scoring.score import score
from curation.scoring.shards import step_slice
from curation.scoring.slices import read_slice
from curation.store import reading
from curation.store.catalogue import open_catalogue
from curation.store.project import Project, create_project
from curation.traces.trace import Trace
from tests.scoring.conftest import TRACES, ask_for, fill
from tests.scoring.test_fused import autograd, dense, random_directions
from tests.tiny import tiny_module

EVERY = str(len(TRACES))


def test_the_tokens_of_a_step_add_up_to_it_and_all_of_them_to_the_trace(
    project: Project, model_folder: Path
) -> None:
    run_id = score(project, ask_for(model_folder, steps=EVERY)).run_id
    catalogue = open_catalogue(project)
    size = catalogue.rows("SELECT max(abs(value)) FROM scores WHERE name LIKE 'influence/%'")[0][0]
    for trace in TRACES:
        tokens = reading.tokens(catalogue, run_id, trace.trace_id, len(trace.response))
        steps = reading.steps(catalogue, run_id, trace.trace_id)
        scores = reading.standings(catalogue, run_id, trace.trace_id)
        assert set(tokens) == {"influence/gold", "influence/incorrect"} == set(steps) - {"nll"}
        for name, values in tokens.items():
            words = [trace.response[one.start : one.stop].strip() for one in values]
            assert words == [*trace.response.split(), ""]
            assert values[-1].start == values[-1].stop == len(trace.response)
            assert sum(one.value or 0 for one in values) == pytest.approx(scores[name].value, abs=1e-6 * size)
            for step in steps[name]:
                last = step.stop == len(trace.response)
                inside = [one for one in values if step.start <= one.start < step.stop + last]
                assert sum(one.value or 0 for one in inside) == pytest.approx(step.value, abs=1e-6 * size)


def test_each_value_is_the_derivative_of_its_tokens_loss(project: Project, model_folder: Path) -> None:
    catalogue = open_catalogue(project)
    ask = ask_for(model_folder, steps="1")
    work = prepare(catalogue, load_model(str(model_folder), dtype="float64", device="cpu"), ask)
    ids = [trace.trace_id for trace in TRACES[:3]]
    part = read_slice(catalogue, work.model, ids, template="auto", max_tokens=0)
    directions = random_directions(work.modules, 2)
    tables = step_slice(work, part, dense(directions), 40, lambda _: None)
    found = {(row["trace_id"], row["name"]): row for row in tables["tokens"].to_pylist()}
    size = max(abs(value) for row in found.values() for value in row["token_values"])
    for trace_id, one in zip(part.trace_ids, part.encoded, strict=True):
        for token in range(one.completion_length):
            reference = autograd(work.model, work.modules, one, token)
            for k in range(2):
                row = found[trace_id, f"influence/{k}"]
                expected = sum(float((directions[name][k] * g).sum()) for name, g in reference.items())
                assert abs(row["token_values"][token] - expected) < 1e-6 * size
                assert tuple(row["starts"]) == one.starts


def bytes_model(folder: Path, texts: list[str]) -> Path:
    """A tiny model whose tokens are the bytes of some texts."""
    pieces = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    seen = sorted({sign for text in texts for word, _ in pieces.pre_tokenize_str(text) for sign in word})
    known = {sign: i for i, sign in enumerate(["<s>", "</s>", *seen])}
    core = Tokenizer(models.BPE(vocab=known, merges=[]))
    core.pre_tokenizer, core.decoder = pieces, decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>")
    tiny_module("llama").save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_tokens_that_are_bytes_of_a_character_are_one(tmp_path: Path) -> None:
    traces = [Trace(f"{n}?", f"é{n}𝄞 ü\n{n}.") for n in range(4)]
    texts = [text for trace in traces for text in (trace.prompt, trace.response)]
    model = bytes_model(tmp_path / "bytes", [*texts, "take 1234 - = 0"])
    project = fill(create_project(tmp_path / "project"), traces)
    run_id = score(project, ask_for(model, steps="9")).run_id
    catalogue = open_catalogue(project)
    kept = catalogue.rows("SELECT DISTINCT len(starts), len(token_values) FROM tokens")
    assert kept == [(len("é0𝄞 ü\n0.".encode()) + 1,) * 2]
    for trace in traces:
        scores = reading.standings(catalogue, run_id, trace.trace_id)
        for name, values in reading.tokens(catalogue, run_id, trace.trace_id, len(trace.response)).items():
            assert [trace.response[one.start : one.stop] for one in values] == [*trace.response, ""]
            total = sum(one.value or 0 for one in values)
            assert total == pytest.approx(scores[name].value, rel=1e-5)


@pytest.mark.parametrize(("steps", "traces"), [("all", 0), ("none", 0), ("2", None)])
def test_only_a_number_of_traces_keeps_tokens(
    project: Project, model_folder: Path, steps: str, traces: int | None
) -> None:
    score(project, ask_for(model_folder, steps=steps))
    catalogue = open_catalogue(project)
    of_tokens = catalogue.rows("SELECT DISTINCT trace_id, name FROM tokens ORDER BY ALL")
    of_steps = catalogue.rows("SELECT DISTINCT trace_id, name FROM steps WHERE name <> 'nll' ORDER BY ALL")
    assert len(of_tokens) == traces if traces is not None else of_tokens == of_steps


def test_a_trace_without_finite_values_has_no_tokens(
    project: Project, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = open_catalogue(project)
    work = prepare(
        catalogue,
        load_model(str(model_folder), dtype="float64", device="cpu"),
        ask_for(model_folder, steps="1"),
    )
    part = read_slice(catalogue, work.model, [TRACES[0].trace_id], template="auto", max_tokens=0)
    directions = {
        name: torch.full_like(one, np.nan) for name, one in random_directions(work.modules, 1).items()
    }
    assert step_slice(work, part, dense(directions), 40, lambda _: None)["tokens"].num_rows == 0
