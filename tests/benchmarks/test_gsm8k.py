"""What GSM8K's trainings are put together to."""

import numpy as np
import pytest

from benchmarks.proof.gsm8k_found import Measurement, compared, gsm8k_tables
from curation.validation.trial import Trial


def measured(accuracy: float, of_problems: list[float]) -> Measurement:
    trial = Trial("arm", 0, 10, 2, sum(of_problems) / 40, accuracy, 4)
    return Measurement(trial, 40, of_problems)


def test_a_difference_is_paired_by_problem_and_told_by_token() -> None:
    """Four problems of ten tokens each, far apart from each other, and each of them better by about a nat."""
    random = [[-10.0, -20.0, -30.0, -40.0], [-12.0, -22.0, -32.0, -42.0], [-9.0, -9.0, -9.0, -9.0]]
    better = [[-9.0, -19.0, -29.0, -39.0], [-11.2, -21.0, -30.8, -41.0]]
    found = compared(
        {
            "random": {"0.25": [measured(0.1, one) for one in random]},
            "influence-consensus": {"0.25": [measured(0.2, one) for one in better]},
        }
    )
    assert found["trained"]["influence-consensus"]["0.25"] == [[0.2, -2.4], [0.2, pytest.approx(-2.6)]]
    each = np.array([0.9, 1.0, 1.1, 1.0])  # the mean over the two seeds that both arms have
    reach = 3.182446 * each.std(ddof=1) / 2  # Student's t with three degrees of freedom
    low, high = (each.mean() - reach) / 10, (each.mean() + reach) / 10
    assert found["minus_random"] == {
        "influence-consensus": {"0.25": [pytest.approx(one) for one in (0.1, low, high)]}
    }
    table = gsm8k_tables({**found, "auc": {"influence-consensus": {"spoilt": 0.9}}})
    assert "| 25% | -2.4000, -2.6000 | +0.1000 (+0.0870 to +0.1130) | - | 0.200, 0.200 |" in table
