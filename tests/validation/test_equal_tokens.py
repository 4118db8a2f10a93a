"""Random at equal token count: the nearest draw of the lot order, trained on only where it is another one."""

from dataclasses import replace

import numpy as np
import pytest

from curation.models.train import TrainSettings
from curation.selection.choose import order_by_lot
from curation.store.catalogue import open_catalogue
from curation.store.decisions import decide
from curation.store.frame import frame_of
from curation.store.project import Project
from curation.validation.answers import Asking
from curation.validation.arms import make_arms
from curation.validation.comparison import Comparison
from curation.validation.equal_tokens import (
    RANDOM_BY_TOKENS,
    TOLERANCE,
    draws_by_tokens,
    equal_in_tokens,
    token_counts,
)
from curation.validation.past import past_comparisons
from curation.validation.problems import read_problems
from curation.validation.validate import validate
from tests.projects import add_run
from tests.validation.project import trace_ids

LONG, SHORT = "top:length", "bottom:length"


@pytest.fixture
def counted(project: Project) -> dict[str, float]:
    """Tokens of each trace, in a run that has a score for recipes that keep the longest and the shortest."""
    random = np.random.default_rng(0)
    ids = trace_ids(project)
    tokens = {one: float(random.integers(20, 60)) for one in ids}
    length = {one: count + place / 1000 for place, (one, count) in enumerate(tokens.items())}
    add_run(project, "run-2", {"tokens": tokens, "length": length}, day=2)
    return tokens


@pytest.mark.parametrize("decided", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_draw_goes_down_the_lot_order_until_the_tokens_are_reached(
    project: Project, counted: dict[str, float], seed: int, decided: bool
) -> None:
    ids = trace_ids(project)
    vetoed, kept = (set(ids[:5]), set(ids[5:7])) if decided else (set(), set())
    if decided:
        decide(project, sorted(vetoed), "veto")
        decide(project, sorted(kept), "keep")
    catalogue = open_catalogue(project)
    tokens = token_counts(catalogue)
    arms = make_arms(catalogue, [LONG, SHORT], 0.4, seed + 1, tokens)[seed]
    draws = draws_by_tokens(catalogue, arms, seed, tokens)
    catalogue.close()
    assert [draw.name for draw in draws] == [RANDOM_BY_TOKENS] * 2
    order = [ids[place] for place in order_by_lot(seed, ids)]
    nested = [sorted((set(order[:count]) | kept) - vetoed) for count in range(len(ids) + 1)]
    for arm, draw in zip(arms[1:], draws, strict=True):
        assert arm.tokens == sum(counted[one] for one in arm.trace_ids)
        assert draw.tokens == sum(counted[one] for one in draw.trace_ids)
        assert list(draw.trace_ids) in nested
        nearest = min(abs(sum(counted[one] for one in taken) - arm.tokens) for taken in nested)
        assert abs(draw.tokens - arm.tokens) == nearest
        assert equal_in_tokens(draw.tokens, arm.tokens)


def test_a_draw_that_has_as_many_serves_and_nothing_is_trained_twice(
    project: Project, counted: dict[str, float]
) -> None:
    even = dict.fromkeys(counted, 40.0)
    order = {one: float(place) for place, one in enumerate(counted)}
    add_run(project, "run-3", {"tokens": even, "length": order}, day=3)
    catalogue = open_catalogue(project)
    tokens = token_counts(catalogue)
    arms = make_arms(catalogue, [LONG, SHORT], 0.5, 1, tokens)[0]
    assert draws_by_tokens(catalogue, arms, 0, tokens) == []
    assert draws_by_tokens(catalogue, arms, 0, None) == []
    uneven = np.arange(len(counted)) + 10.0
    arms = make_arms(catalogue, [LONG, "top:length"], 0.5, 1, uneven)[0]
    assert len(draws_by_tokens(catalogue, [*arms, arms[1]], 0, uneven)) == 1
    catalogue.close()
    assert equal_in_tokens(103, 100)
    assert not equal_in_tokens(104, 100)
    assert TOLERANCE == 0.03


def test_traces_that_no_run_counted_are_as_long_as_the_others(project: Project) -> None:
    catalogue = open_catalogue(project)
    assert token_counts(catalogue) is None
    catalogue.close()
    ids = trace_ids(project)
    add_run(project, "run-2", {"tokens": {ids[0]: 10.0, ids[1]: 20.0, ids[2]: None}}, day=2)
    catalogue = open_catalogue(project)
    counts, frame = token_counts(catalogue), frame_of(catalogue)
    assert counts is not None
    assert counts[[frame.index(one) for one in ids[:4]]].tolist() == [10.0, 20.0, 15.0, 15.0]
    catalogue.close()


def test_several_shares_at_equal_traces_and_at_equal_tokens(
    project: Project, counted: dict[str, float], base: str, problems_file: str
) -> None:
    problems = read_problems(problems_file)[:3]
    settings = TrainSettings(learning_rate=2e-3, epochs=0.5, batch_size=16, at_once=16)
    asking = Asking(max_new_tokens=4)
    comparison = Comparison((LONG,), base, settings, (0.5, 0.3, 0.5), seeds=2, asking=asking, device="cpu")
    told: list[str] = []
    done = validate(project, comparison, problems, on_cost=told.append)
    assert told[0].startswith(
        "12 trainings (2 recipes, 2 shares, 2 seeds, 4 further draws of random at equal tokens) of 2 optimiser steps"
    )
    assert [(row.name, row.keep, row.traces) for row in done.rows] == [
        ("random", 0.5, 30),
        (LONG, 0.5, 30),
        ("random", 0.3, 18),
        (LONG, 0.3, 18),
    ]
    assert {trial.steps for trial in done.trials} == {2}
    for row in done.rows[1::2]:
        own = [one for one in done.trials if (one.name, one.keep) == (LONG, row.keep)]
        draws = [one for one in done.trials if (one.name, one.keep) == (RANDOM_BY_TOKENS, row.keep)]
        assert all(equal_in_tokens(a.tokens, b.tokens) for a, b in zip(draws, own, strict=True))
        assert all(draw.traces > row.traces for draw in draws)
        assert row.at_equal_tokens is not None
        apart = [a.log_likelihood - b.log_likelihood for a, b in zip(own, draws, strict=True)]
        assert row.at_equal_tokens.log_likelihood.mean == pytest.approx(sum(apart) / 2)
        assert row.at_equal_tokens.log_likelihood.mean != row.log_likelihood_minus_random.mean
    assert "on 50% and on 30% of the traces" in done.markdown
    assert f"| {LONG} | 30% | 18 |" in done.markdown
    assert f"{LONG}, keeping 30%: in log-likelihood" in done.markdown

    one = replace(comparison, keep=(0.3,))
    assert validate(project, one, problems, on_cost=told.append).rows == done.rows[2:]
    assert told[-1].endswith("6 are there, 0 to do.")

    past = past_comparisons(project)
    assert sorted((one.keep, one.rows) for one in past) == [(0.3, done.rows[2:]), (0.5, done.rows[:2])]
    assert len({one.comparison for one in past}) == 1
    assert {len(one.trials) for one in past} == {6}
    assert all(kept.trial.seconds > 0 for one in past for kept in one.trials)


def test_where_tokens_cannot_be_equal_it_is_said(project: Project, base: str) -> None:
    ids = trace_ids(project)
    settings = TrainSettings(learning_rate=2e-3, epochs=0.25, batch_size=16, at_once=16)
    comparison = Comparison(
        ("influence:gold",), base, settings, (0.05,), 1, asking=Asking(max_new_tokens=4), device="cpu"
    )
    done = validate(project, comparison, limit=2)
    assert any("No run has counted the traces' tokens" in note for note in done.notes)
    chosen = set(selected_by(project, "influence:gold", 0.05))
    add_run(project, "run-2", {"tokens": {one: 1.0 if one in chosen else 100.0 for one in ids}}, day=2)
    told: list[str] = []
    done = validate(project, comparison, limit=2, on_cost=told.append)
    assert told == [
        "2 trainings (2 recipes, 1 seed) of 1 optimiser steps each, measured on 2 problems; 2 are there, 0 to do."
    ]
    assert done.rows[1].at_equal_tokens is None
    assert any("No random draw has as many tokens as influence:gold" in note for note in done.notes)


def selected_by(project: Project, name: str, keep: float) -> tuple[str, ...]:
    """What a recipe selects."""
    catalogue = open_catalogue(project)
    try:
        return make_arms(catalogue, [name], keep, 1)[0][1].trace_ids
    finally:
        catalogue.close()
