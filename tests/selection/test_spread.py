"""The variance of each kind beside a reference, and how well embeddings tell kinds apart."""

import numpy as np
import pytest

from curation.selection.separability import _standard_error, cross_validated_auc
from curation.selection.spread import spreads
from curation.store.facets import Facet


def test_the_ratio_of_variances_has_an_interval_that_covers_the_truth() -> None:
    covered = []
    for seed in range(200):
        random = np.random.default_rng(seed)
        values = np.concatenate([random.normal(0, 2, 150), random.normal(3, 1, 100), [np.nan] * 5])
        kinds = Facet(":source", ("human", "machine"), np.repeat([0, 1], [150, 105]).astype(np.int32))
        human, machine = spreads(values, kinds, "human")
        assert human.ratio is None
        assert machine.traces == 100
        assert machine.low is not None
        assert machine.high is not None
        covered.append(machine.low <= 0.25 <= machine.high)
    assert np.mean(covered) > 0.9


def test_without_a_reference_or_with_too_few_there_is_no_ratio() -> None:
    values = np.arange(40.0)
    kinds = Facet(":source", ("a", "b"), np.repeat([0, 1], [30, 10]).astype(np.int32))
    assert [(one.kind, one.ratio) for one in spreads(values, kinds)] == [("a", None)]
    assert spreads(np.full(40, np.nan), kinds, "a") == []


@pytest.mark.parametrize(("shift", "low", "high"), [(0.0, 0.35, 0.65), (4.0, 0.95, 1.0)])
def test_auc_is_chance_without_a_difference_and_one_with_a_large_one(
    shift: float, low: float, high: float
) -> None:
    random = np.random.default_rng(0)
    inside = np.arange(200) % 2 == 0
    vectors = random.normal(size=(200, 64))
    vectors[inside, 0] += shift
    assert low <= cross_validated_auc(vectors, inside, 0) <= high


def test_the_standard_error_is_that_of_mann_whitney_by_simulation() -> None:
    random = np.random.default_rng(0)
    drawn = [float((random.normal(1, 1, 60)[:, None] > random.normal(0, 1, 90)).mean()) for _ in range(1_500)]
    assert _standard_error(float(np.mean(drawn)), 60, 90) == pytest.approx(np.std(drawn), rel=0.1)
