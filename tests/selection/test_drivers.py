"""What drives a score, where it is known: a function of length, one of two features that go together, noise."""

import time

import numpy as np
import pytest

from curation.errors import SelectionError
from curation.selection.drivers import Drivers, Feature, drivers, levels_of
from curation.selection.strata import Half, effects
from curation.validation.driver_finding import driver_finding

RANDOM = np.random.default_rng(3)
N = 4_000
TOKENS = RANDOM.lognormal(5, 0.6, N)
STEPS = np.round(TOKENS / 40 * RANDOM.lognormal(0, 0.4, N))
SOURCE = RANDOM.integers(0, 4, N).astype(float)
FEATURES = [Feature("tokens", TOKENS), Feature("steps", STEPS), Feature("source", SOURCE, ordered=False)]


def by_name(found: Drivers) -> dict[str, tuple[float, float, float]]:
    return {one.name: (one.alike.value, one.alike.low, one.alike.high) for one in found.drivers}


def test_a_function_of_length_is_length() -> None:
    found = drivers("made", np.sqrt(TOKENS), FEATURES)
    first = found.drivers[0]
    assert (first.name, first.spearman) == ("tokens", pytest.approx(1.0))
    assert first.alone.low > 0.97
    # A uniform ranking is a quarter away from its middle on average.
    assert first.alike.value == pytest.approx(25, abs=2)
    assert by_name(found)["steps"][0] < 1  # although steps alone explain more than half
    finding = driver_finding(found)
    assert finding.verdict == "do not use"
    assert "`made` is mostly length: 9" in finding.words


def test_of_two_features_that_go_together_only_the_cause_has_an_effect() -> None:
    found = drivers("made", STEPS / STEPS.std() + RANDOM.normal(size=N), FEATURES)
    alike = by_name(found)
    assert found.drivers[0].name == "steps"
    assert alike["steps"][1] > 8
    assert abs(alike["tokens"][0]) < 2
    assert next(one.alone.value for one in found.drivers if one.name == "tokens") > 0.2


def test_a_kind_can_drive_it() -> None:
    found = drivers("made", (SOURCE == 2) + 0.3 * RANDOM.normal(size=N), FEATURES)
    assert (found.drivers[0].name, found.drivers[0].spearman) == ("source", None)
    assert driver_finding(found).verdict == "believe"
    assert "Source alone explains" in driver_finding(found).words


def test_intervals_of_noise_cover_zero() -> None:
    covered = []
    for seed in range(6):
        noise = np.random.default_rng(seed).normal(size=600)
        some = [Feature(one.name, one.values[:600], one.ordered) for one in FEATURES]
        for one in drivers("made", noise, some, seed).drivers:
            covered += [one.alike.low <= 0 <= one.alike.high, one.alone.low <= 0 <= one.alone.high]
    assert np.mean(covered) > 0.85


def test_level_effects_are_those_of_dense_least_squares() -> None:
    strata, levels = RANDOM.integers(0, 5, 80), RANDOM.integers(0, 4, 80)
    values, weights = RANDOM.normal(size=80), RANDOM.integers(0, 3, 80).astype(float)
    ours, compared = effects(Half(strata, levels, values), weights, 4)
    design = np.hstack([np.eye(4)[levels], np.eye(5)[strata]])
    ridge = np.diag([1.0] * 4 + [0.0] * 5)
    normal = design.T @ (weights[:, None] * design) + ridge
    expected = np.linalg.solve(normal, design.T @ (weights * values))[:4]
    np.testing.assert_allclose(ours, expected, atol=1e-10)
    assert compared == 1.0


def test_the_order_of_features_and_missing_values_do_no_harm() -> None:
    values = np.where(np.arange(N) % 7 == 0, np.nan, np.sqrt(TOKENS))
    missing = np.where(np.arange(N) % 3 == 0, np.nan, STEPS)
    some = [Feature("steps", missing), Feature("constant", np.ones(N)), Feature("tokens", TOKENS)]
    found = drivers("made", values, some)
    assert found.traces == np.isfinite(values).sum()
    assert [one.name for one in found.drivers] == ["tokens", "steps"]
    assert levels_of(np.full(5, np.nan), ordered=True).max() == 0


@pytest.mark.parametrize("values", [np.ones(100), np.full(100, np.nan), np.arange(5.0)])
def test_too_little_is_refused(values: np.ndarray) -> None:
    with pytest.raises(SelectionError, match="cannot be told"):
        drivers("made", values, [Feature("tokens", np.arange(float(len(values))))])


def test_time_stops_growing_with_the_traces() -> None:
    def took(traces: int) -> float:
        values = RANDOM.normal(size=traces)
        some = [Feature(f"f{place}", RANDOM.normal(size=traces)) for place in range(4)]
        began = time.process_time()
        drivers("made", values, some)
        return time.process_time() - began

    took(1_000)
    assert took(400_000) < 4 * took(50_000)
