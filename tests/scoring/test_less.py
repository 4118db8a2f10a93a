"""LESS against dense autograd on a tiny model trained on the spot; targets that come later; what cannot be followed."""

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from curation.errors import ModelError, ScoringError
from curation.models.encode import Encoded, encode
from curation.models.load import LanguageModel, load_model
from curation.models.moments import read_checkpoints
from curation.models.train import FULL, LORA, train
from curation.scoring import less as stage
from curation.scoring import slices
from curation.scoring.less import best_mean, mean_rates
from curation.scoring.plan import plan_run
from curation.scoring.request import ScoreRequest
from curation.scoring.score import score
from curation.scoring.sketch import Sketch
from curation.store.database import load
from curation.store.project import Project, create_project
from curation.store.publish import publishing
from curation.store.schema import QUERIES
from curation.traces.query import Query
from tests.scoring.conftest import TRACES, WORDS, fill, queries, values
from tests.tiny import save_tiny

WIDTH = 256
TRAINING = {"epochs": 4, "batch_size": 8, "at_once": 8, "learning_rate": 3e-3}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("base") / "tiny", "llama", WORDS)


@pytest.fixture(scope="module")
def tuned(base: Path) -> Path:
    folder = base.parent / "tuned"
    train(str(base), TRACES, folder, settings=replace(FULL, **TRAINING), device="cpu", checkpoints=3)
    return folder


@pytest.fixture(scope="module")
def adapter(base: Path) -> Path:
    folder, settings = base.parent / "adapter", replace(LORA, **TRAINING)
    train(str(base), TRACES, folder, settings=settings, lora=True, device="cpu", checkpoints=2)
    return folder


def ask(model: Path, **settings: object) -> ScoreRequest:
    asked = {"scores": ("less",), "dtype": "float64", "projection": WIDTH, "device": "cpu", **settings}
    return ScoreRequest(str(model), **asked)  # type: ignore[arg-type]


def add(project: Project, some: list[Query], source: str) -> None:
    rows = [
        {"query_id": q.query_id, "group": q.group, "prompt": q.prompt, "completion": q.completion}
        for q in some
    ]
    with publishing(project.root / "queries", QUERIES) as connection:
        load(connection, "queries", pa.Table.from_pylist([{**row, "source": source} for row in rows]))


def gradients(loaded: LanguageModel, one: Encoded) -> dict[str, Tensor]:
    """Name -> gradient of the mean loss over completion tokens by autograd, of the weights that were trained."""
    weights = {
        name: weight
        for name, weight in loaded.module.named_parameters()
        if (".lora_" in name if loaded.adapter else name.endswith("proj.weight"))
    }
    for weight in weights.values():
        weight.requires_grad_(True)
        weight.grad = None
    logits = loaded.module(torch.tensor([one.ids])).logits[0, one.prompt_length - 1 : -1]
    cross_entropy(logits, torch.tensor(one.ids[one.prompt_length :])).backward()
    return {name: weight.grad.clone() for name, weight in weights.items()}


def reference(base: Path, folder: Path, *, project: bool, adapted: bool = False) -> Tensor:
    """(P, V) the weighted cosines, all gradients whole; projected by a dense matrix if `project`."""
    trail = read_checkpoints(str(folder))
    rates = [one.step.mean_learning_rate for one in trail]
    tokenizer = load_model(str(base)).tokenizer
    pool = [encode(tokenizer, t.prompt, t.response) for t in TRACES]
    asked = [encode(tokenizer, q.prompt, q.completion) for q in queries()]
    total = torch.zeros(len(pool), len(asked), dtype=torch.float64)
    for checkpoint, rate in zip(trail, rates, strict=True):
        name, on_top = (str(base), str(checkpoint.folder)) if adapted else (str(checkpoint.folder), "")
        loaded = load_model(name, adapter=on_top, dtype="float64")
        kept = load_file(checkpoint.folder / "optimizer.safetensors")

        def adam(name: str, gradient: Tensor, kept: dict[str, Tensor] = kept) -> Tensor:
            m, v = kept[f"exp_avg/{name}"].double(), kept[f"exp_avg_sq/{name}"].double()
            return (0.9 * m + 0.1 * gradient) / (0.999 * v + 0.001 * gradient**2 + 1e-8).sqrt()

        def features(found: dict[str, Tensor]) -> Tensor:
            flat = {name.removesuffix(".weight"): one.flatten()[None] for name, one in found.items()}
            if not project:
                return torch.cat(list(flat.values()), 1)[0]
            sketch = Sketch(WIDTH, 0)
            unit = {name: torch.eye(one.shape[1], dtype=torch.float64) for name, one in flat.items()}
            return sum(flat[name] @ sketch.mixed(sketch.folded(name, one)) for name, one in unit.items())[0]

        grads = [gradients(loaded, one) for one in pool]
        steps = torch.stack([features({n: adam(n, g) for n, g in one.items()}) for one in grads])
        plain = torch.stack([features(gradients(loaded, one)) for one in asked])
        cosines = torch.nn.functional.cosine_similarity(steps[:, None], plain[None], dim=2)
        total += rate / sum(rates) * cosines
    return total


def columns(project: Project, run_id: str, group: str) -> Tensor:
    found = values(project, run_id)
    return torch.tensor([found[f"less/{group}", t.trace_id] for t in TRACES], dtype=torch.float64)


def test_it_is_the_dense_computation(project: Project, base: Path, tuned: Path) -> None:
    expected = reference(base, tuned, project=True)
    run_id = score(project, ask(tuned)).run_id
    # Four queries of gold, then three of incorrect, all from one source; features are kept in half precision.
    assert columns(project, run_id, "gold") == pytest.approx(expected[:, :4].mean(1), abs=1e-4)
    assert columns(project, run_id, "incorrect") == pytest.approx(expected[:, 4:].mean(1), abs=1e-4)
    wide = score(project, ask(tuned, projection=8192)).run_id
    whole = reference(base, tuned, project=False)[:, :4].mean(1)
    assert columns(project, wide, "gold") == pytest.approx(whole, abs=0.03)


def test_of_an_adapter_its_own_weights_count(project: Project, base: Path, adapter: Path) -> None:
    pytest.importorskip("peft")
    run_id = score(project, ask(base, adapter=str(adapter))).run_id
    expected = reference(base, adapter, project=True, adapted=True)
    assert columns(project, run_id, "gold") == pytest.approx(expected[:, :4].mean(1), abs=1e-4)


def test_batches_slices_and_the_order_of_queries_do_not_matter(
    project: Project, tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = columns(project, score(project, ask(tuned)).run_id, "gold")
    monkeypatch.setattr(slices, "SLICE_TRACES", 3)
    other = fill(create_project(tmp_path / "other"), TRACES, with_queries=False)
    add(other, queries()[::-1], "one")
    again = columns(other, score(other, ask(tuned, token_budget=16)).run_id, "gold")
    assert again == pytest.approx(whole, abs=1e-9)


def test_a_new_target_does_not_go_over_the_pool(
    project: Project, tuned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = score(project, ask(tuned)).run_id
    add(project, [Query("new", "give 1 2", "1 + 2 = 3"), Query("new", "give 2 2", "2 + 2 = 4")], "new")

    def forbidden(*_: object) -> None:
        raise AssertionError("the pool was passed over")

    monkeypatch.setattr(stage, "trace_features", forbidden)
    monkeypatch.setattr("curation.scoring.score.score_slice", forbidden)
    planned = plan_run(project, ask(tuned))
    assert {one.name for one in planned.stages} == {"less"}
    assert planned.disk == 0
    after = score(project, ask(tuned)).run_id
    assert len(columns(project, after, "new")) == len(TRACES)
    for group in ("gold", "incorrect"):
        # The queries' batches have others beside them now.
        assert columns(project, after, group) == pytest.approx(columns(project, before, group), abs=1e-6)
    with pytest.raises(AssertionError, match="passed over"):
        score(project, ask(tuned, seed=1))


def test_inside_a_subtask_the_mean_counts_and_over_subtasks_the_best(project: Project, tuned: Path) -> None:
    alone = score(project, ask(tuned)).run_id
    of_one = columns(project, alone, "incorrect")
    add(project, [Query("incorrect", "give 1 2", "1 + 2 = 3")], "elsewhere")
    add(project, [Query("elsewhere", "give 1 2", "1 + 2 = 3")], "elsewhere")
    both = score(project, ask(tuned)).run_id
    of_other = columns(project, both, "elsewhere")
    assert columns(project, both, "incorrect") == pytest.approx(torch.maximum(of_one, of_other))
    cosines = torch.tensor([[1.0, 3.0, 5.0], [0.0, 0.0, -1.0]])
    assert best_mean(cosines, [[0, 1], [2]]).tolist() == [5.0, 0.0]


def test_a_kill_between_two_shards_changes_nothing(
    project: Project, tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "SLICE_TRACES", 6)
    asked = ask(tuned, dtype="float32")
    expected = values(project, score(project, asked).run_id)
    other = fill(create_project(tmp_path / "other"), TRACES)
    compute, calls = stage.trace_features, []

    def killed(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) in (2, 6):
            raise KeyboardInterrupt
        return compute(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(stage, "trace_features", killed)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            score(other, asked)
    assert values(other, score(other, asked).run_id) == expected
    assert len(calls) == 3 * 4 + 2
    assert not list((other.root / "runs").glob("*.part"))


def test_learning_rates_are_shares(tuned: Path) -> None:
    trail = read_checkpoints(str(tuned))
    assert [one.step.step for one in trail] == [4, 8, 12]
    shares = mean_rates(trail)
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)  # of a cosine schedule


def test_what_is_missing_or_damaged_is_said(
    project: Project, base: Path, tuned: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"no checkpoints of its training.*--checkpoints 4"):
        score(project, ask(base))

    def spoilt(name: str) -> Path:
        shutil.copytree(tuned, tmp_path / name)
        return tmp_path / name / "checkpoints/8"

    (spoilt("a") / "optimizer.safetensors").unlink()
    with pytest.raises(ModelError, match=r"has no optimizer\.safetensors"):
        score(project, ask(tmp_path / "a"))
    (spoilt("b") / "step.json").write_text("{}")
    with pytest.raises(ModelError, match=r"no step\.json that can be read"):
        score(project, ask(tmp_path / "b"))
    (spoilt("c") / "optimizer.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ModelError, match=r"moments in .* cannot be read"):
        score(project, ask(tmp_path / "c"))
    path = spoilt("d") / "optimizer.safetensors"
    save_file({name: torch.zeros(3, 3) for name in load_file(path)}, path)
    with pytest.raises(ModelError, match="do not fit the layer"):
        score(project, ask(tmp_path / "d"))
    (spoilt("e") / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot be loaded"):
        score(project, ask(tmp_path / "e"))


def test_other_checkpoints_of_the_same_model_are_another_run(
    project: Project, tuned: Path, tmp_path: Path
) -> None:
    first = score(project, ask(tuned)).run_id
    assert score(project, ask(tuned)).already_there
    fewer = shutil.copytree(tuned, tmp_path / "tuned")
    shutil.rmtree(fewer / "checkpoints/4")
    second = score(project, replace(ask(tuned), model=str(fewer)))
    assert not second.already_there
    assert not torch.equal(columns(project, first, "gold"), columns(project, second.run_id, "gold"))


def test_without_queries_it_is_left_out_or_refused(tmp_path: Path, tuned: Path) -> None:
    project = fill(create_project(tmp_path / "p"), TRACES[:3], with_queries=False)
    with pytest.raises(ScoringError, match="curation queries"):
        score(project, ask(tuned))
    done = score(project, ask(tuned, scores=("less", "nll")))
    assert {name for name, _ in values(project, done.run_id)} == {"nll", "tokens", "steps"}
    assert any("less" in note for note in done.notes)


@pytest.mark.parametrize("width", [0, 3, 1000, 2**30])
def test_a_width_is_a_power_of_two(width: int) -> None:
    with pytest.raises(ScoringError, match="power of 2"):
        ScoreRequest("m", projection=width)
