"""LossDiff and IRM against plain passes of transformers, and what they do where there is nothing to compare."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from peft import LoraConfig, get_peft_model

from curation.errors import ScoringError
from curation.models.load import load_model, load_module
from curation.models.train import FULL, train
from curation.models.train_settings import LORA
from curation.scoring import loss_difference as module
from curation.scoring import margin, slices
from curation.scoring import score as scoring
from curation.scoring.margin import Graded, margins
from curation.scoring.plan import plan_run
from curation.scoring.request import ScoreRequest, parse_scores
from curation.scoring.score import score
from curation.store.catalogue import open_catalogue
from curation.store.database import load
from curation.store.kept_answers import Answer, append, only_writer
from curation.store.project import Project, create_project
from curation.store.publish import publishing
from curation.store.queries import publish_queries
from curation.store.schema import BATCH
from curation.traces.query import Query
from curation.traces.trace import Trace
from tests.scoring.conftest import TRACES, fill, queries, values

LEARNT = {"dtype": "float64", "device": "cpu", "steps": "none", "tune_learning_rate": 1e-3}


def ask_for(model: Path, scores: str = "lossdiff", **settings: object) -> ScoreRequest:
    return ScoreRequest(str(model), scores=parse_scores(scores), **{**LEARNT, **settings})  # type: ignore[arg-type]


def log_likelihood(model: Path, prompt: str, completion: str, adapter: str = "") -> tuple[float, int]:
    """log p of a completion and its end, and how many tokens these are, in one plain pass in float64."""
    loaded = load_model(str(model), adapter=adapter, dtype="float64", device="cpu")
    before = loaded.tokenizer(f"{prompt}\n")["input_ids"]
    after = [*loaded.tokenizer(completion)["input_ids"], loaded.tokenizer.eos_token_id]
    with torch.no_grad():
        logits = loaded.module(torch.tensor([before + after])).logits[0].log_softmax(-1)
    total = sum(float(logits[len(before) + i - 1, token]) for i, token in enumerate(after))
    return total, len(after)


def learnt(model: Path, output: Path, group: str, **settings: object) -> Path:
    completions = [Trace(one.prompt, one.completion) for one in queries() if one.group == group]
    settings = {"epochs": 1, "learning_rate": 1e-3, **settings}
    train(str(model), completions, output, settings=replace(FULL, **settings), device="cpu")  # type: ignore[arg-type]
    return output


def test_it_is_the_loss_before_less_the_loss_after_a_token(
    project: Project, model_folder: Path, tmp_path: Path
) -> None:
    found = values(project, score(project, ask_for(model_folder)).run_id)
    for group in ("gold", "incorrect"):
        after = learnt(model_folder, tmp_path / group, group)
        for trace in TRACES[::5]:
            new, tokens = log_likelihood(after, trace.prompt, trace.response)
            old, _ = log_likelihood(model_folder, trace.prompt, trace.response)
            assert found[f"lossdiff/{group}", trace.trace_id] == pytest.approx((new - old) / tokens, rel=1e-5)
    assert not any(name.startswith(("irm", "nll")) for name, _ in found)


def test_what_was_learnt_is_what_gains_most(tmp_path: Path, model_folder: Path) -> None:
    """A trace that says what a query says gains more than any other: the sign."""
    same = [Trace(one.prompt, one.completion) for one in queries() if one.group == "gold"]
    project = fill(create_project(tmp_path / "project"), [*TRACES, *same])
    found = values(project, score(project, ask_for(model_folder)).run_id)
    gold = {trace_id: value for (name, trace_id), value in found.items() if name == "lossdiff/gold"}
    best = sorted(gold, key=gold.__getitem__)[-len(same) :]
    assert set(best) == {trace.trace_id for trace in same}
    assert all(gold[trace.trace_id] > 0 for trace in same)


def test_settings_are_followed_and_recorded(project: Project, model_folder: Path, tmp_path: Path) -> None:
    ask = ask_for(model_folder, tune_epochs=3, seed=4, tune_learning_rate=2e-3)
    run_id = score(project, ask).run_id
    after = learnt(model_folder, tmp_path / "m", "gold", epochs=3, learning_rate=2e-3, seed=4)
    trace, found = TRACES[3], values(project, run_id)
    new, tokens = log_likelihood(after, trace.prompt, trace.response)
    old, _ = log_likelihood(model_folder, trace.prompt, trace.response)
    assert found["lossdiff/gold", trace.trace_id] == pytest.approx((new - old) / tokens, rel=1e-5)
    catalogue = open_catalogue(project)
    recorded = catalogue.rows("SELECT parameters ->> '$.tuning.learning_rate' FROM run")[0][0]
    catalogue.close()
    assert float(recorded) == 2e-3


def test_with_an_adapter_only_that_learns(project: Project, model_folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    adapted = get_peft_model(
        load_module(str(model_folder), torch.float32),
        LoraConfig(r=2, target_modules=["q_proj", "down_proj"], init_lora_weights=False),
    )
    adapted.save_pretrained(tmp_path / "adapter")
    adapter, after = str(tmp_path / "adapter"), tmp_path / "after"
    found = values(project, score(project, ask_for(model_folder, adapter=adapter)).run_id)
    completions = [Trace(one.prompt, one.completion) for one in queries() if one.group == "gold"]
    settings = replace(LORA, epochs=1, learning_rate=1e-3)
    train(str(model_folder), completions, after, settings=settings, adapter=adapter, device="cpu")
    assert not list(after.glob("model*.safetensors"))
    for trace in TRACES[:3]:
        new, tokens = log_likelihood(model_folder, trace.prompt, trace.response, str(after))
        old, _ = log_likelihood(model_folder, trace.prompt, trace.response, adapter)
        assert found["lossdiff/gold", trace.trace_id] == pytest.approx((new - old) / tokens, rel=1e-5)
        assert new != old


def test_it_does_not_depend_on_batches_and_slices(
    project: Project, tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = fill(create_project(tmp_path / "other"), TRACES)
    expected = values(other, score(other, ask_for(model_folder)).run_id)
    monkeypatch.setattr(slices, "SLICE_TRACES", 3)
    found = values(project, score(project, ask_for(model_folder, token_budget=40)).run_id)
    assert found == pytest.approx(expected, abs=1e-12)


def test_stopped_in_learning_or_after_it_it_ends_with_the_same_bits(
    project: Project, tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "SLICE_TRACES", 4)
    whole = fill(create_project(tmp_path / "whole"), TRACES)
    expected = values(whole, score(whole, ask_for(model_folder)).run_id)
    compute, calls = module.difference_slice, []

    def interrupted(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) in (1, 3, 8):
            raise KeyboardInterrupt
        return compute(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "difference_slice", interrupted)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            score(project, ask_for(model_folder))
    assert list((project.root / "runs").glob("*.part/tuned-*"))
    assert values(project, score(project, ask_for(model_folder)).run_id) == expected
    assert len(calls) == 2 * 5 + 3
    assert not list((project.root / "runs").glob("*.part"))


def test_a_group_of_contrasts_is_not_learnt(tmp_path: Path, model_folder: Path) -> None:
    project = fill(create_project(tmp_path / "project"), TRACES)
    weights = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
    publish_queries(project, [Query("contrast", "take 1 1", "1 - 1 = 0", None, weights)], source="here")
    done = score(project, ask_for(model_folder))
    assert "contrast" in " ".join(done.notes)
    names = {name for name, _ in values(project, done.run_id)}
    assert {name for name in names if "/" in name} == {"lossdiff/gold", "lossdiff/incorrect"}


def test_nothing_to_learn(tmp_path: Path, model_folder: Path) -> None:
    project = fill(create_project(tmp_path / "project"), TRACES, with_queries=False)
    with pytest.raises(ScoringError, match="compares traces with queries"):
        score(project, ask_for(model_folder, "lossdiff,irm"))
    done = score(project, ask_for(model_folder, "nll,lossdiff"))
    assert any("lossdiff were left out" in note for note in done.notes)
    for wrong in ({"tune_epochs": 0}, {"tune_learning_rate": -1}, {"irm_beta": 0}):
        with pytest.raises(ScoringError, match="above 0"):
            ask_for(model_folder, **wrong)


def test_the_plan_counts_a_pass_a_group(project: Project, model_folder: Path) -> None:
    planned = {name: plan_run(project, ask_for(model_folder, name)).passes for name in ("nll", "lossdiff")}
    total = sum(len(one.prompt.split()) + len(one.completion.split()) + 1 for one in queries())
    pool = sum(len(f"{one.prompt} {one.response}".split()) + 1 for one in TRACES)
    assert planned["lossdiff"] - planned["nll"] == pytest.approx(2 + 2 * 1.5 * total / pool, rel=0.1)


def with_answers(project: Project, said: list[tuple[str, str, bool | None, bool]]) -> None:
    """Keep answers: prompt, completion, whether it is right, whether it ended by itself."""
    (project.root / "rollouts").mkdir(exist_ok=True)
    answers = [
        Answer(f"id{i}", prompt, "", "4", completion, 5, finished, "4", "marked", right, "m", "r")
        for i, (prompt, completion, right, finished) in enumerate(said)
    ]
    with only_writer(project.root / "rollouts" / "m-0.jsonl") as file:
        append(file, answers)


@pytest.fixture
def paired(tmp_path: Path) -> Callable[[], Project]:
    """A project of four traces with reference answers: two of one problem, one right, one wrong; two alone."""

    def made() -> Project:
        project = create_project(tmp_path / "paired")
        rows = [
            {"trace_id": t.trace_id, "prompt": t.prompt, "response": t.response, "answer": t.answer}
            | {"system": "", "metadata": "{}"}
            for t in PAIRED
        ]
        with publishing(project.root / "batches", BATCH) as connection:
            load(connection, "traces", pa.Table.from_pylist(rows))
        publish_queries(project, queries(), source="here")
        return project

    return made


PAIRED = [
    Trace("add 1 2", "so the answer is 3", "3"),
    Trace("add 1 2", "so the answer is 4", "3"),
    Trace("add 2 2", "so the answer is 4", "4"),
    Trace("add 3 3", "so the answer is 6", "6"),
    Trace("add 4 4", "so the answer is 8", ""),
]


def test_irm_is_dpo_s_margin_with_traces_and_with_kept_answers(
    paired: Callable[[], Project], model_folder: Path, tmp_path: Path
) -> None:
    project = paired()
    said = [
        ("add 2 2", "answer is 5", False, True),
        ("add 2 2", "answer is 5", False, True),  # the same text again
        ("add 2 2", "answer is 6 9", False, True),
        ("add 2 2", "answer is 7", False, False),  # cut off
        ("add 2 2", "answer is 8", None, True),  # not graded
        ("add 3 3", "6", True, True),  # right as well
        ("add 4 4", "answer is 7", False, True),  # the trace has no reference
        ("add 9 9", "answer is 7", False, True),  # another problem
    ]
    with_answers(project, said)
    done = score(project, ask_for(model_folder, "lossdiff,irm,influence", irm_beta=0.3, factor_traces=4))
    found = values(project, done.run_id)
    after = learnt(model_folder, tmp_path / "after", "gold")

    def gain(prompt: str, completion: str) -> float:
        new, old = (log_likelihood(model, prompt, completion)[0] for model in (after, model_folder))
        return new - old

    right, wrong, second, alone, unknown = (gain(one.prompt, one.response) for one in PAIRED)
    others = [gain("add 2 2", "answer is 5"), gain("add 2 2", "answer is 6 9")]
    expected = [0.3 * (right - wrong), 0.3 * (wrong - right), 0.3 * (second - sum(others) / 2), None, None]
    got = [found["irm/gold", one.trace_id] for one in PAIRED]
    assert got[3:] == expected[3:]
    assert got[:3] == pytest.approx(expected[:3], abs=1e-12)
    assert alone != unknown  # of neither a counterpart is known
    catalogue = open_catalogue(project)
    assert catalogue.rows("SELECT count(*) FROM unscored")[0][0] == 0
    catalogue.close()


def test_irm_without_any_pair_is_null_and_says_so(project: Project, model_folder: Path) -> None:
    done = score(project, ask_for(model_folder, "irm,nll"))
    assert "no trace" in " ".join(done.notes).lower()
    assert not any(name.startswith(("irm", "lossdiff")) for name, _ in values(project, done.run_id))


def test_new_answers_are_a_new_run(
    paired: Callable[[], Project], model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = paired()
    first = score(project, ask_for(model_folder, "irm"))
    assert score(project, ask_for(model_folder, "irm")).already_there
    with_answers(project, [("add 2 2", "answer is 5", False, True)])
    monkeypatch.setattr(
        scoring, "discard_job", lambda *arguments: None
    )  # so that its shards can be looked at
    second = score(project, ask_for(model_folder, "irm"))
    assert second.run_id != first.run_id
    assert len(list((project.root / "runs").glob("*.part/answers-*"))) == 3
    there, before = (values(project, one.run_id)["irm/gold", PAIRED[2].trace_id] for one in (second, first))
    assert there is not None
    assert before is None


def test_margins_against_pairs_one_by_one() -> None:
    random = np.random.default_rng(0)
    traces = [Graded(int(random.integers(6)), bool(random.integers(2))) for _ in range(30)]
    answers = [Graded(int(random.integers(8)), bool(random.integers(2))) for _ in range(20)]
    gains, others = random.normal(size=30), random.normal(size=20)
    found = margins(traces, gains, answers, others, 0.1)
    every = list(zip([*traces, *answers], [*gains, *others], strict=True))
    for one, gain, value in zip(traces, gains, found, strict=True):
        mine = [
            0.1 * (gain - other)
            for their, other in every
            if their.problem == one.problem and their.is_correct != one.is_correct
        ]
        assert value == pytest.approx(np.mean(mine)) if mine else np.isnan(value)
    assert np.isnan(margins([Graded(0, True)], np.ones(1), [], np.zeros(0), 0.1)).all()
    assert not len(margins([], np.zeros(0), [], np.zeros(0), 0.1))


def test_answers_are_gone_through_in_parts(
    paired: Callable[[], Project], model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = paired()
    with_answers(project, [("add 2 2", f"answer is {number} 9", False, True) for number in range(1, 9)])
    whole = values(project, score(project, ask_for(model_folder, "irm")).run_id)
    monkeypatch.setattr(margin, "SLICE_TRACES", 3)
    parts = values(project, score(project, ask_for(model_folder, "irm", token_budget=64)).run_id)
    some = {key: value for key, value in whole.items() if value is not None}
    assert {key: parts[key] for key in some} == pytest.approx(some, abs=1e-12)
