"""Numbers as the app writes them."""

import numpy as np
import pytest

from curation.store.columns import Column
from curation.ui import format


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [
        (None, True, "—"),
        (float("nan"), False, "—"),
        (0.0, True, "0"),
        (1234.5, False, "1,234"),
        (1.2345, True, "+1.23"),
        (-0.01234, True, "−0.0123"),
        (12.0, False, "12"),
        (0.00001234, False, "1.2e-05"),
        (99.96, False, "100.0"),
    ],
)
def test_three_digits_and_a_sign_where_it_means_something(value: float, signed: bool, text: str) -> None:
    assert format.number(value, signed=signed) == text


def test_rank_comes_with_the_nearer_end() -> None:
    column = Column("influence/gold", np.arange(1000.0))
    assert format.place(column, 999.0) == "#1 of 1,000, top 0.1%"
    assert format.place(column, 0.0) == "#1,000 of 1,000, bottom 0.1%"
    assert format.place(column, None) == "—"


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0.0%"), (1.0, "100.0%"), (0.99999, "99.9%"), (0.00001, "<0.01%"), (0.0047, "0.47%")],
)
def test_a_share_is_never_rounded_to_nothing_or_to_all(share: float, text: str) -> None:
    assert format.percent(share) == text


def test_words() -> None:
    assert format.with_error(1.31, 0.082, signed=True) == "+1.31 ± 0.0820"
    assert format.duration(125.0) == "2 min 5 s"
    assert format.duration(7260.0) == "2 h 1 min"
    assert format.plural(1, "trace") == "1 trace"
    assert format.plural(2000, "trace") == "2,000 traces"
    assert format.listed(["a", "b", "c"]) == "a, b and c"
    assert format.listed([]) == ""
