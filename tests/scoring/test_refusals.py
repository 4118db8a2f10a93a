"""What cannot be scored: traces, models, requests; and text that only looks dangerous."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from curation.errors import ModelError, ScoringError
from curation.scoring.request import SCORES, ScoreRequest, parse_scores
from curation.scoring.score import score
from curation.store.catalogue import open_catalogue
from curation.store.project import Project, create_project
from curation.traces.trace import Trace
from tests.scoring.conftest import TRACES, WORDS, ask_for, fill, values
from tests.tiny import save_tiny


def test_a_trace_that_is_too_long_is_null_and_says_why(tmp_path: Path, model_folder: Path) -> None:
    long = Trace("add 1 2", "1 + " * 100)
    huge = Trace("add 2 2", "9 " * 5_000_000)
    project = fill(create_project(tmp_path / "p"), [*TRACES, long, huge])
    score(project, ask_for(model_folder))
    catalogue = open_catalogue(project)
    reasons = dict(catalogue.rows("SELECT trace_id, reason FROM unscored"))
    assert reasons.keys() == {long.trace_id, huge.trace_id}
    assert "more than 64" in reasons[long.trace_id]
    nulls = catalogue.rows("SELECT DISTINCT value FROM scores WHERE trace_id = $1", [long.trace_id])
    assert nulls == [(None,)]
    assert (
        catalogue.rows("SELECT count(DISTINCT name) FROM scores WHERE trace_id = $1", [long.trace_id])[0][0]
        == 20
    )


def test_a_score_that_is_not_finite_is_null(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "broken", "llama", WORDS)
    module = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        module.model.layers[0].mlp.gate_proj.weight.fill_(float("inf"))
    module.save_pretrained(folder)
    project = fill(create_project(tmp_path / "p"), TRACES[:3])
    score(project, ask_for(folder, scores=("perplexity",)))
    catalogue = open_catalogue(project)
    assert catalogue.rows("SELECT count(*), count(value) FROM scores WHERE name = 'perplexity'") == [(3, 0)]
    assert catalogue.rows("SELECT DISTINCT reason FROM unscored") == [("not finite: perplexity",)]


def test_without_queries_the_rest_is_computed_and_it_says_so(tmp_path: Path, model_folder: Path) -> None:
    project = fill(create_project(tmp_path / "p"), TRACES[:4], with_queries=False)
    done = score(project, ask_for(model_folder))
    names = {name for name, _ in values(project, done.run_id)}
    assert names == {"perplexity", "nll", "rsr", "gradient-norm", "tokens", "steps"}
    assert any("no queries" in note for note in done.notes)
    with pytest.raises(ScoringError, match="curation queries"):
        score(project, ask_for(model_folder, scores=("influence",)))


def test_a_project_without_traces_is_refused(tmp_path: Path, model_folder: Path) -> None:
    with pytest.raises(ScoringError, match="no traces"):
        score(create_project(tmp_path / "p"), ask_for(model_folder))


def test_a_damaged_batch_is_refused_and_not_scored_around(project: Project, model_folder: Path) -> None:
    (project.root / "batches" / "0002.duckdb").write_bytes(b"damaged")
    with pytest.raises(ScoringError, match=r"batches/0002\.duckdb cannot be read"):
        score(project, ask_for(model_folder))
    assert not list((project.root / "runs").iterdir())


def test_a_model_with_nothing_to_attribute_is_refused_before_any_work(
    project: Project, model_folder: Path
) -> None:
    with pytest.raises(ModelError, match="No linear layer"):
        score(project, ask_for(model_folder, modules="no such layer"))
    assert not list((project.root / "runs").iterdir())


@pytest.mark.parametrize(
    "settings", [{"scores": ("nonsense",)}, {"scores": ()}, {"damping": 0.0}, {"factor_traces": 1}]
)
def test_requests_that_cannot_be_meant_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ScoringError):
        ScoreRequest("m", **settings)  # type: ignore[arg-type]


def test_scores_are_read_from_text() -> None:
    assert parse_scores("all") == SCORES
    assert parse_scores("nll, perplexity,nll") == ("nll", "perplexity")


HOSTILE = [
    "<script>alert(1)</script>\n![x](http://example.com/x.png)",
    "'; DROP TABLE traces; --\n$5 and $6 :red[x]",
    "nul \x00 bell \x07 escape \x1b[2J\r\nnext",
    "</s> <s> <unk>\n\u202e\u2028\ufeff",
    "```\n\n```\n\\[ x \\]",
    " \n\n 1",
]


def test_hostile_text_is_scored_like_any_other(tmp_path: Path, model_folder: Path) -> None:
    traces = [Trace(f"add {i} {text}", text) for i, text in enumerate(HOSTILE)]
    project = fill(create_project(tmp_path / "p"), traces)
    score(project, ask_for(model_folder))
    catalogue = open_catalogue(project)
    assert catalogue.rows("SELECT count(*) FROM unscored") == [(0,)]
    assert catalogue.rows("SELECT count(value) FROM scores WHERE name = 'influence/gold'") == [
        (len(HOSTILE),)
    ]
    spans = catalogue.rows(
        """SELECT trace_id, max(response), list(start ORDER BY step), list(stop ORDER BY step)
           FROM steps JOIN traces USING (trace_id) WHERE name = 'nll' GROUP BY trace_id"""
    )
    for _, response, starts, stops in spans:
        assert "".join(response[a:b] for a, b in zip(starts, stops, strict=True)) == response
