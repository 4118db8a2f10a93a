"""Concepts: made from texts, and scored three ways, against autograd, dense inverses and hand-made sums."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from curation.errors import CurationError, ModelError, ProjectError, ScoringError
from curation.models.decoder import decoder_layers
from curation.models.encode import Encoded, encode
from curation.models.linear import LinearModule, linear_modules
from curation.models.load import LanguageModel, load_model
from curation.scoring.concepts.make import ConceptRequest, make_concept, read_direction
from curation.scoring.concepts.probe import direction_of, held_out_auc
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.influence.queries import GroupSums
from curation.scoring.prepare import prepare
from curation.scoring.projection import Activations, Projection
from curation.scoring.score import score
from curation.scoring.slices import read_slice
from curation.scoring.stages import factor_cache, sample_of
from curation.selection.concepts import concepts_of_run, separation_words
from curation.store.catalogue import open_catalogue
from curation.store.concepts import concept_path, read_concepts
from curation.store.project import Project, create_project
from curation.traces.trace import Trace
from tests.scoring.conftest import TRACES, WORDS, ask_for, fill, values
from tests.scoring.test_fused import autograd
from tests.tiny import CONFIGS, save_tiny, tiny_adapted, tiny_model, tiny_sequences

SEQUENCES = tiny_sequences((7, 3), (12, 2), (9, 8), (5, 1), (12, 6))
RAISED, LOWERED = (
    ["add 1 + 2 =", "add 3 + 4 =", "add 5 + 6 ="],
    ["take 1 - 2 =", "take 3 - 4 =", "take 5 - 6 ="],
)
THREE = ("concept", "concept-vector", "concept-projection")


def f_of(model: LanguageModel, one: Encoded, layer: int, v: Tensor) -> Tensor:
    """The plain way: the whole sequence alone, transformers' own hidden states, no hooks of ours."""
    states = model.module(torch.tensor([one.ids]), output_hidden_states=True).hidden_states
    return (states[layer + 1][0, one.prompt_length :] @ v.to(states[0])).mean()


def texts(folder: Path) -> tuple[str, str]:
    """Files of both sets: plain lines, and rows."""
    (folder / "up.txt").write_text("\n".join(RAISED))
    (folder / "down.jsonl").write_text("\n".join(json.dumps({"text": one}) for one in LOWERED))
    return str(folder / "up.txt"), str(folder / "down.jsonl")


@pytest.fixture
def with_concept(project: Project, model_folder: Path, tmp_path: Path) -> Project:
    up, down = texts(tmp_path)
    make_concept(project, ConceptRequest("adding", str(model_folder), "", up, down, layer=0, dtype="float64"))
    return project


@pytest.mark.parametrize("family", [*sorted(set(CONFIGS) - {"gemma2"}), "adapter"])
def test_the_gradient_of_a_concept_and_pooled_activations_are_autograds(family: str) -> None:
    model = tiny_adapted() if family == "adapter" else tiny_model(family)
    modules = linear_modules(model)
    torch.manual_seed(3)
    v = torch.randn(16, dtype=torch.float64)
    weights = torch.full((len(SEQUENCES), 1), 1 / len(SEQUENCES))
    for budget in (1, 30, 1000):
        sums = GroupSums(weights)
        sheet = Activations.of({0, 1}, len(SEQUENCES), 16, torch.float64, model.device)
        for batch in batches_of(model, SEQUENCES, budget):
            fused_pass(model, batch, [sums, sheet], modules, objective=Projection(0, v))
        for i, one in enumerate(SEQUENCES):
            torch.testing.assert_close(sheet.pooled[0][i] @ v, f_of(model, one, 0, v), rtol=1e-9, atol=1e-12)
        lowered = _gradient(model, modules, 0, v)
        for name, found in sums.raw.items():
            torch.testing.assert_close(found[0], -lowered[name], rtol=1e-6, atol=1e-9)
        above = [name for name in lowered if name not in sums.raw]
        assert above
        assert all(not lowered[name].any() for name in above)


def _gradient(model: LanguageModel, modules: list[LinearModule], layer: int, v: Tensor) -> dict[str, Tensor]:
    """The gradient of the mean of f as (d_out, d_in) for each module."""
    weights = [module.module.weight.requires_grad_(True) for module in modules]
    f = torch.stack([f_of(model, one, layer, v) for one in SEQUENCES]).mean()
    found = torch.autograd.grad(f, weights, allow_unused=True)
    for weight in weights:
        weight.requires_grad_(False)
    pairs = zip(modules, weights, found, strict=True)
    return {
        m.name: torch.zeros(m.d_out, m.d_in).double() if g is None else (g.T if m.transposed else g)
        for m, _, g in pairs
    }


def test_scores_are_those_of_dense_inverses_and_sums_by_hand(
    with_concept: Project, model_folder: Path
) -> None:
    request = ask_for(model_folder, scores=("influence", "nll", "concept", "concept-vector"))
    found = values(with_concept, score(with_concept, request).run_id)
    (concept,) = read_concepts(with_concept)
    model = load_model(str(model_folder), dtype="float64")
    catalogue = open_catalogue(with_concept)
    work = prepare(catalogue, model, request)
    modules = linear_modules(model)
    ids = [trace.trace_id for trace in TRACES]
    part = read_slice(catalogue, model, ids, template="auto", max_tokens=0)
    gold = [
        one for one, q in zip(work.queries.encoded, work.queries.queries, strict=True) if q.group == "gold"
    ]
    v = torch.from_numpy(concept.direction).double()
    cache = factor_cache(work, work.layer_groups(10**12), sample_of(work))
    weights = [module.module.weight.requires_grad_(True) for module in modules]
    f = torch.stack([f_of(model, one, 0, v) for one in gold]).mean()
    slopes = torch.autograd.grad(f, weights, allow_unused=True)
    wanted: dict[str, Tensor] = {}
    for module, slope in zip(modules, slopes, strict=True):
        if slope is None:
            continue
        factors = cache.load(module)
        lam = factors.eigenvalues.double()
        rotated = factors.rotate(-slope.double().unsqueeze(0))[0] / (lam + request.damping * lam.mean())
        left = factors.q_s.back(torch.eye(module.d_out).double())
        right = factors.q_a.back(torch.eye(module.d_in).double())
        wanted[module.name] = left @ rotated @ right.T
    scale = max(abs(found["concept/adding", one]) for one in ids)
    for trace_id, one in zip(part.trace_ids, part.encoded, strict=True):
        gradients = autograd(model, modules, one)
        expected = sum(float((wanted[name] * gradients[name]).sum()) for name in wanted)
        assert found["concept/adding", trace_id] == pytest.approx(expected, abs=1e-6 * scale)
        assert found["concept-vector/adding", trace_id] == pytest.approx(float(f_of(model, one, 0, v)))
    catalogue.close()


def test_a_step_on_a_trace_moves_the_concept_as_its_score_says(
    with_concept: Project, model_folder: Path
) -> None:
    """With a damping so large that the inverse is a multiple of the identity, one step of descent is what is scored."""
    request = ask_for(model_folder, scores=("concept",), damping=1e6)
    found = values(with_concept, score(with_concept, request).run_id)
    (concept,) = read_concepts(with_concept)
    v = torch.from_numpy(concept.direction).double()
    model = load_model(str(model_folder), dtype="float64")
    catalogue = open_catalogue(with_concept)
    work = prepare(catalogue, model, request)
    gold = [
        one for one, q in zip(work.queries.encoded, work.queries.queries, strict=True) if q.group == "gold"
    ]
    modules = linear_modules(model)
    cache = factor_cache(work, work.layer_groups(10**12), sample_of(work))
    damped = {m.name: 1e6 * float(cache.load(m).eigenvalues.mean()) for m in modules}
    moved, told = [], []
    for trace in TRACES[:8]:
        gradients = autograd(model, modules, encode(model.tokenizer, trace.prompt, trace.response))
        steps = {m.name: gradients[m.name] / damped[m.name] for m in modules}
        size = 1e-2 / max(float(step.abs().max()) for step in steps.values())
        ends = []
        for side in (-size, size):
            with torch.no_grad():
                for m in modules:
                    m.module.weight -= side * steps[m.name]  # type: ignore[operator]
                ends.append(sum(float(f_of(model, each, 0, v)) for each in gold) / len(gold))
                for m in modules:
                    m.module.weight += side * steps[m.name]  # type: ignore[operator]
        moved.append((ends[1] - ends[0]) / (2 * size))
        told.append(found["concept/adding", trace.trace_id])
    np.testing.assert_allclose(moved, told, rtol=1e-2, atol=1e-2 * np.abs(told).max())
    catalogue.close()


def test_batches_change_nothing_and_a_run_without_queries_measures_on_traces(
    tmp_path: Path, model_folder: Path
) -> None:
    project = fill(create_project(tmp_path / "bare"), TRACES, with_queries=False)
    up, down = texts(tmp_path)
    make_concept(project, ConceptRequest("adding", str(model_folder), "", up, down, dtype="float64"))
    first = values(project, score(project, ask_for(model_folder, scores=THREE[:2], token_budget=64)).run_id)
    done = score(project, ask_for(model_folder, scores=THREE[:2], token_budget=1000))
    second = values(project, done.run_id)
    assert {name for name, _ in first} == {"concept/adding", "concept-vector/adding", "tokens", "steps"}
    assert first.keys() == second.keys()
    scale = max(abs(value) for (name, _), value in first.items() if name == "concept/adding")
    for key, value in first.items():
        assert second[key] == pytest.approx(value, rel=1e-6, abs=1e-6 * scale)
    catalogue = open_catalogue(project)
    told = json.loads(catalogue.rows("SELECT parameters FROM run ORDER BY finished DESC")[0][0])
    assert told["concepts_measured_on"] == "traces"
    assert told["concepts"]["adding"]["layer"] == 1
    rows = catalogue.rows("SELECT DISTINCT name FROM steps ORDER BY name")
    assert ("concept/adding",) in rows
    catalogue.close()


def test_the_projection_difference_is_the_models_less_its_bases(
    with_concept: Project, model_folder: Path, tmp_path: Path
) -> None:
    base = save_tiny(tmp_path / "base", "llama", WORDS, seed=5)
    run_id = score(with_concept, ask_for(model_folder, scores=THREE, base=str(base))).run_id
    found = values(with_concept, run_id)
    (concept,) = read_concepts(with_concept)
    v = torch.from_numpy(concept.direction).double()
    for trace in TRACES[:6]:
        tuned, plain = (
            float(f_of(model, encode(model.tokenizer, trace.prompt, trace.response), 0, v))
            for model in (
                load_model(str(model_folder), dtype="float64"),
                load_model(str(base), dtype="float64"),
            )
        )
        assert found["concept-vector/adding", trace.trace_id] == pytest.approx(plain)
        assert found["concept-projection/adding", trace.trace_id] == pytest.approx(tuned - plain)
    catalogue = open_catalogue(with_concept)
    (told,) = concepts_of_run(catalogue, run_id)
    catalogue.close()
    assert told.scores == tuple(f"{one}/adding" for one in THREE)
    assert np.isfinite(told.agreement.rho).all()


def test_a_killed_run_resumes_to_the_same_bits(
    with_concept: Project, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = save_tiny(tmp_path / "base", "llama", WORDS, seed=5)
    monkeypatch.setattr("curation.scoring.slices.SLICE_TRACES", 7)
    request = ask_for(model_folder, scores=(*THREE, "influence"), base=str(base), steps="2")
    from curation.scoring import score as module

    real = module.score_base

    def killed(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "score_base", killed)
    with pytest.raises(KeyboardInterrupt):
        score(with_concept, request)
    monkeypatch.setattr(module, "score_base", real)
    resumed = values(with_concept, score(with_concept, request).run_id)
    (with_concept.root / "runs" / f"{open_run(with_concept)}.duckdb").unlink()
    assert values(with_concept, score(with_concept, request).run_id) == resumed


def open_run(project: Project) -> str:
    catalogue = open_catalogue(project)
    ((run_id,),) = catalogue.rows("SELECT run_id FROM run")
    catalogue.close()
    return str(run_id)


def test_the_gradients_score_does_not_depend_on_other_families(
    with_concept: Project, model_folder: Path
) -> None:
    alone = values(with_concept, score(with_concept, ask_for(model_folder, scores=("concept",))).run_id)
    every = ("influence", "influence-rank", "rds", "nll", "concept")
    both = values(with_concept, score(with_concept, ask_for(model_folder, scores=every)).run_id)
    plain = values(with_concept, score(with_concept, ask_for(model_folder, scores=every[:-1])).run_id)
    scale = max(abs(value) for (name, _), value in alone.items() if name == "concept/adding")
    for key, value in alone.items():
        assert both[key] == pytest.approx(value, rel=1e-9, abs=1e-9 * scale)
    for key, value in plain.items():
        assert both[key] == pytest.approx(value, rel=1e-9, abs=1e-12)


def test_probes_find_a_planted_direction_and_noise_is_called_noise() -> None:
    random = np.random.default_rng(0)
    v = random.normal(size=12)
    v /= np.linalg.norm(v)
    noise = random.normal(size=(2, 40, 12))
    for probe in ("mean", "linear"):
        found = direction_of(noise[0] + 3 * v, noise[1] - 3 * v, probe)
        assert np.linalg.norm(found) == pytest.approx(1)
        assert found @ v > 0.8
        value, folds = held_out_auc(noise[0] + 3 * v, noise[1] - 3 * v, probe)
        assert value is not None
        assert value > 0.99
        assert folds == 5
        chance, _ = held_out_auc(*noise, probe)
        assert chance is not None
        assert chance < 0.7
        assert "do not trust" in separation_words(chance, 5, 40, 40)
    assert held_out_auc(noise[0][:1], noise[1], "mean") == (None, 0)
    with pytest.raises(ScoringError, match="the same to this model"):
        direction_of(noise[0], noise[0], "mean")


def test_a_direction_comes_from_a_file_and_may_be_tested_on_texts(
    project: Project, model_folder: Path, tmp_path: Path
) -> None:
    rows = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
    save_file({"W_dec": rows}, tmp_path / "sae.safetensors")
    source = str(tmp_path / "sae.safetensors")
    up, down = texts(tmp_path)
    about = make_concept(
        project, ConceptRequest("sae", str(model_folder), "", up, down, direction=source, row=2, layer=1)
    )
    (concept,) = read_concepts(project)
    np.testing.assert_allclose(concept.direction, rows[2] / rows[2].norm(), rtol=1e-6)
    assert (about.made, about.source, about.folds) == ("file", "sae.safetensors, row 2", 0)
    assert about.auc is not None
    for row, width, said in (
        (None, 16, "choose one with --row"),
        (3, 16, "--row"),
        (0, 17, "have 17 numbers"),
    ):
        with pytest.raises(ScoringError, match=said):
            read_direction(source, row, width)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"negative": ""}, "Give --positive and --negative"),
        ({"probe": "magic"}, "--probe is mean or linear"),
        ({"row": 1}, "--row names a row"),
        ({"layer": 2}, "no layer 2"),
        ({"name": "../up"}, "cannot be named"),
        ({"positive": "nowhere.txt"}, "cannot be read"),
    ],
)
def test_what_cannot_be_made_is_refused_in_a_sentence(
    project: Project, model_folder: Path, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    up, down = texts(tmp_path)
    asked = {"name": "adding", "model": str(model_folder), "positive": up, "negative": down, **change}
    with pytest.raises(CurationError, match=said):
        make_concept(project, ConceptRequest(**asked))  # type: ignore[arg-type]
    assert not read_concepts(project)


def test_what_cannot_be_scored_is_refused_in_a_sentence(
    with_concept: Project, model_folder: Path, tmp_path: Path
) -> None:
    up, down = texts(tmp_path)
    with pytest.raises(CurationError, match="already"):
        make_concept(with_concept, ConceptRequest("adding", str(model_folder), "", up, down))
    with pytest.raises(ScoringError, match="--base"):
        ask_for(model_folder, scores=("concept-projection",))
    other = save_tiny(tmp_path / "other", "llama", WORDS + " more")
    with pytest.raises(ScoringError, match="is not its base"):
        score(with_concept, ask_for(model_folder, scores=("concept-projection",), base=str(other)))
    path = concept_path(with_concept, "adding")
    about = read_concepts(with_concept)[0].about
    wide = {**vars(about), "width": 17}
    path.unlink()
    save_file({"direction": torch.ones(17)}, path, metadata={"about": json.dumps(wide)})
    with pytest.raises(ScoringError, match="of 2 layers and width 17"):
        score(with_concept, ask_for(model_folder, scores=("concept",)))
    path.write_bytes(b"nothing")
    with pytest.raises(ProjectError, match="can be read"):
        score(with_concept, ask_for(model_folder, scores=("concept",)))
    path.unlink()
    with pytest.raises(ScoringError, match="has no concept"):
        score(with_concept, ask_for(model_folder, scores=("concept",)))


def test_one_trace_is_enough(tmp_path: Path, model_folder: Path) -> None:
    project = fill(create_project(tmp_path / "one"), [Trace("add 1 2", "1 + 2"), Trace("add 2", "9")])
    up, down = texts(tmp_path)
    make_concept(project, ConceptRequest("adding", str(model_folder), "", up, down, dtype="float64"))
    found = values(project, score(project, ask_for(model_folder, scores=THREE[:2])).run_id)
    assert len(found) == 2 * 4


def test_a_model_without_decoder_layers_says_so() -> None:
    with pytest.raises(ModelError, match="decoder layers"):
        decoder_layers(torch.nn.Linear(2, 2))
