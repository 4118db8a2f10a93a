"""Contrasts against log-likelihoods by hand."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from curation.models.encode import Encoded, encode
from curation.models.load import LanguageModel, load_model
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.likelihood import Likelihood
from curation.store.catalogue import open_catalogue
from curation.store.kept_answers import Answer
from curation.store.project import Project
from curation.store.queries import load_queries
from curation.traces.query import Query
from curation.validation.answers import Asking
from curation.validation.contrast import contrast_queries
from curation.validation.problems import Problem, problems_of_group
from curation.validation.rollouts import rollouts
from tests.tiny import save_tiny

WORDS = " ".join(f"w{i}" for i in range(45))
PROBLEM = Problem("w1 w2", "w3 w4 w9", "w9", "w5")
WRONG = Answer("id", "w1 w2", "w5", "w9", "w3 w4 w7 w8", 4, True, "w8", "last line", False, "m", "r")
RIGHT = replace(WRONG, completion="w3 w6", is_correct=True)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    folder = save_tiny(tmp_path_factory.mktemp("tiny") / "model", "llama", WORDS, seed=4)
    return load_model(str(folder), device="cpu", dtype="float64")


def encoded(model: LanguageModel, query: Query) -> Encoded:
    return encode(
        model.tokenizer,
        query.prompt,
        query.completion,
        system=query.system,
        token_weights=query.token_weights,
    )


def by_hand(model: LanguageModel, completion: str) -> list[float]:
    """log p of each of a completion's tokens, from one plain forward."""
    one = encode(model.tokenizer, PROBLEM.prompt, completion, system=PROBLEM.system)
    with torch.no_grad():
        logits = model.module(input_ids=torch.tensor([one.ids]), use_cache=False).logits[0]
    places = range(one.prompt_length, len(one))
    return [float(logits[i - 1].log_softmax(0)[one.ids[i]]) for i in places]


def measured(model: LanguageModel, queries: Sequence[Query]) -> float:
    """Sum of the queries' weighted log-likelihoods as the scoring pass has its losses."""
    total = 0.0
    for query in queries:
        (batch,) = batches_of(model, [encoded(model, query)], 1_000)
        nll = fused_pass(model, batch, [Likelihood.of(1, model.device)]).nll
        total -= float((nll.double() * batch.weights).sum())
    return total


def contrast(tiny: LanguageModel, *answers: Answer, problem: Problem = PROBLEM) -> list[Query]:
    return contrast_queries([problem], answers, tiny.tokenizer, samples=len(answers))


@pytest.mark.parametrize(
    ("right", "wrong", "shared"),
    [
        ("w3 w4 w9", "w3 w4 w7 w8", 2),
        ("w3 w4", "w3 w4 w7", 2),
        ("w3 w4 w7", "w3 w4", 2),
        ("w9", "w7 w8", 0),
    ],
)
def test_a_contrast_is_the_difference_of_log_likelihoods(
    tiny: LanguageModel, right: str, wrong: str, shared: int
) -> None:
    queries = contrast(tiny, replace(WRONG, completion=wrong), problem=replace(PROBLEM, solution=right))
    good, bad = by_hand(tiny, right), by_hand(tiny, wrong)
    assert measured(tiny, queries) == pytest.approx(sum(good) - sum(bad), rel=1e-5)
    assert sum(good[:shared]) == pytest.approx(sum(bad[:shared]))
    assert [(one.completion, one.is_correct) for one in queries] == [(right, True), (wrong, False)]
    assert queries[0].token_weights == (0.0,) * shared + (1.0,) * (len(good) - shared)
    assert queries[1].token_weights == (0.0,) * shared + (-1.0,) * (len(bad) - shared)


def test_the_models_own_right_answer_comes_before_the_solution(tiny: LanguageModel) -> None:
    cut = replace(RIGHT, completion="w9", finished=False)
    later = replace(WRONG, completion="w8")
    queries = contrast(tiny, cut, WRONG, RIGHT, later)
    assert [one.completion for one in queries] == ["w3 w6", "w3 w4 w7 w8"]
    assert {(one.group, one.prompt, one.system) for one in queries} == {("contrast", "w1 w2", "w5")}


def test_without_a_wrong_answer_or_a_difference_there_is_no_contrast(tiny: LanguageModel) -> None:
    assert contrast(tiny, RIGHT, RIGHT) == []
    assert contrast(tiny, replace(WRONG, finished=False)) == []
    assert contrast(tiny, replace(WRONG, is_correct=None)) == []
    assert contrast(tiny, replace(WRONG, completion=PROBLEM.solution)) == []
    assert contrast(tiny, replace(WRONG, completion="w3  w4  w9")) == []  # other text, the same tokens
    assert contrast(tiny, WRONG, problem=replace(PROBLEM, solution=" ")) == []


def test_rollouts_publish_contrasts_once_and_they_are_no_problems(
    project: Project, base: str, problems_file: str
) -> None:
    def again() -> dict[str, int]:
        return rollouts(
            project, problems_file, model=base, asking=Asking(40), contrast=True, limit=12, device="cpu"
        ).added

    added = again()
    assert added["contrast"] == 2 * added["incorrect"] > 0
    assert again() == dict.fromkeys(added, 0)
    catalogue = open_catalogue(project)
    queries = [one for one in load_queries(catalogue) if one.group == "contrast"]
    model = load_model(base, device="cpu")
    for one in queries:
        weights = encode(
            model.tokenizer, one.prompt, one.completion, template="plain", token_weights=one.token_weights
        ).weights
        assert weights is not None
        assert set(weights) <= {0.0, 1.0 if one.is_correct else -1.0}
        assert weights[-1] != 0
    with pytest.raises(Exception, match="no right completion in group 'contrast'"):
        problems_of_group(catalogue, "contrast")
    catalogue.close()
