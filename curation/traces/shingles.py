"""Shingles: the overlapping runs of words by which two texts are compared."""

import re
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

WORDS = 5
Shingles = NDArray[np.uint64]

# Chinese and Japanese are written without spaces: there each character is a word.
_ALONE = "\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_ALONE}]|[^\s{_ALONE}]+")


def shingles(text: str) -> Shingles:
    """The runs of WORDS words of a text, in small letters, as (S,) sorted hashes, each once.

    A shorter text is one shingle, and so is an empty one. White space does not count.
    """
    words = _WORD.findall(text.lower())
    runs = {" ".join(words[start : start + WORDS]) for start in range(max(1, len(words) - WORDS + 1))}
    hashes = b"".join(blake2b(run.encode(), digest_size=8).digest() for run in runs)
    return np.sort(np.frombuffer(hashes, dtype="<u8").astype(np.uint64))
