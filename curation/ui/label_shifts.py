"""Labels on a picture that would cover one another: how far each moves up or down to stand alone."""

from collections.abc import Sequence

# Of the labels' font, in pixels: a letter's mean width and a line's height.
LETTER, LINE = 6.0, 15
STEP, FARTHEST = 5, 90


def label_shifts(places: Sequence[tuple[float, float]], texts: Sequence[str]) -> list[int]:
    """(K,) pixels by which each label moves up; the first ones stay where they are.

    Args:
        places: (across, up) middles of the labels, in pixels.
        texts: What they say.
    """
    shifts: list[int] = []
    taken: list[tuple[float, float, float]] = []
    tries = sorted(range(-FARTHEST, FARTHEST + 1, STEP), key=abs)
    for (across, up), text in zip(places, texts, strict=True):
        half = len(text) * LETTER / 2
        free = (
            shift
            for shift in tries
            if all(abs(across - x) >= half + width or abs(up + shift - y) >= LINE for x, y, width in taken)
        )
        shifts.append(next(free, 0))
        taken.append((across, up + shifts[-1], half))
    return shifts
