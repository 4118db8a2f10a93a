"""Lasso and sampling on the map."""

import numpy as np

from curation.ui.region import drawn, in_polygon, inside_selection


def test_a_concave_polygon_holds_what_lies_inside() -> None:
    # A U: the notch between its arms is outside.
    x, y = [0, 3, 3, 2, 2, 1, 1, 0], [0, 0, 3, 3, 1, 1, 3, 3]
    px, py = np.array([0.5, 1.5, 1.5, 2.5, 5.0, -1.0]), np.array([2.0, 2.0, 0.5, 2.0, 1.0, 1.0])
    assert in_polygon(x, y, px, py).tolist() == [True, False, True, True, False, False]


def test_a_circle_holds_its_share_of_random_points() -> None:
    angles = np.linspace(0, 2 * np.pi, 200)
    points = np.random.default_rng(0).uniform(-1, 1, (2, 20_000))
    inside = in_polygon(np.cos(angles).tolist(), np.sin(angles).tolist(), *points)
    near_edge = np.abs(np.hypot(*points) - 1) < 1e-3
    assert np.array_equal(inside[~near_edge], (np.hypot(*points) < 1)[~near_edge])


def test_lassos_and_boxes_add_up_and_nothing_selects_nobody() -> None:
    x = y = np.array([0.0, 1.0, 2.0])
    assert not inside_selection({}, x, y).any()
    assert not in_polygon([0, 1], [0, 1], x, y).any()
    selection = {"box": [{"x": [2.5, 1.5], "y": [1.5, 2.5]}], "lasso": [{"x": [-1, 1, -1], "y": [-1, -1, 1]}]}
    assert inside_selection(selection, x, y).tolist() == [False, False, True]
    selection["lasso"][0] = {"x": [-1, 1.5, -1], "y": [-1, -1, 1.5]}
    assert inside_selection(selection, x, y).tolist() == [True, False, True]


def test_drawn_points_are_limited_and_hold_every_decided_one() -> None:
    decided = np.zeros(1_000, dtype=bool)
    decided[::100] = True
    shown = drawn(decided, most=60, limit=50)
    assert len(shown) == len(set(shown)) == 50
    assert set(np.flatnonzero(decided)) <= set(shown)
    assert np.array_equal(shown, drawn(decided, most=60, limit=50))
    assert drawn(decided, most=1_000, limit=50).tolist() == list(range(1_000))
