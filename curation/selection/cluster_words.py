"""Names of clusters: the words that set the problems of one apart from those of the others."""

import numpy as np
from numpy.typing import NDArray

from curation.store.browse import lines
from curation.store.catalogue import Catalogue
from curation.store.frame import frame_of

READ, WORDS = 60, 3


def cluster_names(catalogue: Catalogue, clusters: NDArray[np.int64], seed: int = 0) -> tuple[str, ...]:
    """A name for each cluster number from 0: its number and a few words, from an even draw of its problems.

    Args:
        catalogue: The project.
        clusters: (T,) numbers, aligned with the frame; -1 is none.
        seed: Of the draw.
    """
    frame, random = frame_of(catalogue), np.random.default_rng(seed)
    texts: list[str] = []
    for number in range(int(clusters.max(initial=-1)) + 1):
        members = np.flatnonzero(clusters == number)
        drawn = np.sort(random.choice(members, min(READ, len(members)), replace=False))
        read = lines(catalogue, [(trace_id, None) for trace_id in frame.names_of(drawn)])
        texts.append("\n".join(line.prompt for line in read))
    return tuple(
        f"{number}: {', '.join(words)}" if words else f"cluster {number}"
        for number, words in enumerate(distinctive_words(texts))
    )


def distinctive_words(texts: list[str], count: int = WORDS) -> list[list[str]]:
    """The words of each text that are frequent in it and rare in the others, the most telling first.

    By class-based TF-IDF (Grootendorst, arXiv 2203.05794, equation 2): tf * log(1 + mean length / frequency in all).
    Numbers and the most common English words are no names.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(stop_words="english", token_pattern=r"(?u)\b[^\W\d_]{3,}\b")
    try:
        counts = counter.fit_transform(texts).toarray().astype(np.float64)
    except ValueError:  # No text holds a word.
        return [[] for _ in texts]
    words = counter.get_feature_names_out()
    weights = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    weights *= np.log1p(counts.sum() / len(texts) / counts.sum(axis=0))
    best = np.argsort(-weights, axis=1, kind="stable")[:, :count]
    return [[str(words[place]) for place in row if weights[text, place] > 0] for text, row in enumerate(best)]
