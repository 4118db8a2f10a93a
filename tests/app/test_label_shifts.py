"""Labels of a map move apart, and no more than they must."""

import numpy as np

from curation.ui.label_shifts import FARTHEST, LETTER, LINE, label_shifts


def test_labels_with_room_stay_where_they_are() -> None:
    assert label_shifts([(0, 0), (0, LINE), (100, 0)], ["a"] * 3) == [0, 0, 0]
    assert label_shifts([], []) == []


def test_the_later_one_of_two_moves_to_the_nearest_free_line() -> None:
    assert label_shifts([(0, 0), (3, 4)], ["one", "two"])[0] == 0
    assert abs(label_shifts([(0, 0), (3, 4)], ["one", "two"])[1]) == LINE
    assert label_shifts([(0, 0), (0, 0), (0, 0)], ["a", "a", "a"]) == [0, -LINE, LINE]


def test_no_two_labels_of_a_crowd_cover_one_another() -> None:
    random = np.random.default_rng(0)
    places = [(float(x), float(y)) for x, y in random.uniform(0, 300, (20, 2))]
    texts = ["0: three, four, five"] * 20
    moved = [(x, y + shift) for (x, y), shift in zip(places, label_shifts(places, texts), strict=True)]
    for n, (x, y) in enumerate(moved):
        for other_x, other_y in moved[:n]:
            assert abs(x - other_x) >= len(texts[0]) * LETTER or abs(y - other_y) >= LINE


def test_where_there_is_no_room_a_label_stays() -> None:
    shifts = label_shifts([(0, 0)] * 14, ["a"] * 14)
    assert sorted(shifts[:-1]) == list(range(-FARTHEST, FARTHEST + 1, LINE))
    assert shifts[-1] == 0
