"""Agreement against SciPy, pair by pair."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from curation.selection.agreement import DRAWN, agreement


def test_each_pair_is_scipy_s_over_the_traces_that_have_both() -> None:
    random = np.random.default_rng(0)
    first = random.normal(size=300)
    columns = [first, first**3 + random.normal(size=300), random.integers(0, 5, 300).astype(float), -first]
    columns[1][:40] = np.nan
    found = agreement(("a", "b", "c", "d"), columns)
    for one in range(4):
        for other in range(4):
            both = np.isfinite(columns[one]) & np.isfinite(columns[other])
            expected = spearmanr(columns[one][both], columns[other][both]).statistic
            assert found.rho[one, other] == pytest.approx(expected)
    assert found.rho[0, 3] == pytest.approx(-1.0)


def test_what_cannot_be_compared_is_not_a_number() -> None:
    nothing, constant = np.full(9, np.nan), np.ones(9)
    found = agreement(("a", "b", "c"), [np.arange(9.0), nothing, constant])
    assert np.isnan(found.rho[0, 1])
    assert np.isnan(found.rho[0, 2])
    assert found.rho[0, 0] == pytest.approx(1.0)
    assert agreement((), []).rho.shape == (0, 0)


def test_many_traces_are_drawn_from() -> None:
    values = np.random.default_rng(1).normal(size=DRAWN + 10)
    found = agreement(("a", "b"), [values, 2 * values])
    assert found.traces == DRAWN
    assert found.rho[0, 1] == pytest.approx(1.0)
