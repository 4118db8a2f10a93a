from dataclasses import replace

import pytest
import torch

from curation.demo.problems import right_response
from curation.errors import ScoringError
from curation.models.encode import encode
from curation.models.load import LanguageModel
from curation.validation.answers import Asking
from curation.validation.measure import measure
from curation.validation.problems import Problem
from tests.validation.project import POOL

PROBLEMS = [Problem(one.prompt, right_response(one), one.answer) for one in POOL.test]
ASKING = Asking(max_new_tokens=64)


def test_likelihood_and_accuracy_are_those_of_one_problem_at_a_time(model: LanguageModel) -> None:
    measured = measure(model, PROBLEMS, template="plain", asking=ASKING)
    each, tokens = [], 0
    for problem in PROBLEMS:
        one = encode(model.tokenizer, problem.prompt, problem.solution, template="plain")
        ids = torch.tensor([one.ids])
        with torch.no_grad():
            logs = model.module(input_ids=ids).logits[0].double().log_softmax(-1)
        places = range(one.prompt_length, len(one))
        each.append(sum(float(logs[place - 1, ids[0, place]]) for place in places))
        tokens += len(places)
    assert measured.tokens == tokens
    assert measured.log_likelihood == pytest.approx(sum(each) / tokens, rel=1e-5)
    assert measured.of_problems == pytest.approx(each, rel=1e-4)
    right = [
        one.completion.endswith(f" {problem.reference}.")
        for one, problem in zip(
            sorted(measured.answers, key=lambda one: one.prompt),
            sorted(PROBLEMS, key=lambda one: one.prompt),
            strict=True,
        )
    ]
    assert measured.graded == 24
    assert measured.accuracy == sum(right) / 24
    assert 0 < sum(right) < 24


def test_what_cannot_be_graded_or_does_not_fit_is_counted(model: LanguageModel) -> None:
    problems = [
        replace(PROBLEMS[0], reference=""),
        replace(PROBLEMS[1], solution="The answer is 2.\n" * 100),
        PROBLEMS[2],
    ]
    measured = measure(model, problems, template="plain", asking=ASKING)
    assert (measured.graded, measured.too_long) == (2, 1)
    assert [value is None for value in measured.of_problems] == [False, True, False]
    assert measure(model, problems[:1], template="plain", asking=ASKING).accuracy is None
    with pytest.raises(ScoringError, match="positions"):
        measure(model, problems[1:2], template="plain", asking=ASKING)
