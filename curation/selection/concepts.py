"""What a run says of a concept: which of its scores are there, and how far the three agree."""

from dataclasses import dataclass

from curation.selection.agreement import Agreement, agreement
from curation.store.catalogue import Catalogue
from curation.store.columns import score_by_trace, score_names

FAMILIES = ("concept", "concept-vector", "concept-projection")
# How a run's reader is told of each.
MEANING = {
    "concept": "gradient: what learning the trace does to the concept",
    "concept-vector": "vector filter: how much of the concept the trace's text has",
    "concept-projection": "projection difference: how much more of it the scored model sees than its base",
}
# Below this area under the ROC curve a concept is said not to tell its two sets apart.
USEFUL = 0.7


@dataclass(frozen=True)
class ConceptScores:
    """A concept in a run.

    Attributes:
        name: Of the concept.
        scores: Names of those of its scores that the run has, the gradient's first.
        agreement: Spearman's correlation of each with each.
    """

    name: str
    scores: tuple[str, ...]
    agreement: Agreement


def concepts_of_run(catalogue: Catalogue, run_id: str) -> list[ConceptScores]:
    """Every concept that a run has a score of, by name."""
    found = set(score_names(catalogue, run_id))
    names = sorted({name.partition("/")[2] for name in found if name.partition("/")[0] in FAMILIES})
    result = []
    for name in names:
        scores = tuple(one for family in FAMILIES if (one := f"{family}/{name}") in found)
        columns = [score_by_trace(catalogue, run_id, one) for one in scores]
        result.append(ConceptScores(name, scores, agreement(scores, columns)))
    return result


def agreement_words(one: ConceptScores) -> str:
    """How far the scores of a concept agree, in a sentence; "" where there is one alone."""
    pairs = [
        f"{one.scores[i]} with {one.scores[j]} {one.agreement.rho[i, j]:+.2f}"
        for i in range(len(one.scores))
        for j in range(i + 1, len(one.scores))
    ]
    return f"Spearman's correlation of {'; '.join(pairs)}." if pairs else ""


def separation_words(auc: float | None, folds: int, positive: int, negative: int) -> str:
    """How well a concept tells the two sets apart, in a sentence."""
    if auc is None:
        why = "two texts of each kind are needed" if positive or negative else "it came without texts"
        return f"How well it separates is not known: {why}."
    held = f"in {folds}-fold cross-validation" if folds else "on texts that it was not made from"
    sets = f"{positive:,} and {negative:,} texts"
    if auc < USEFUL:
        return f"It does not tell the {sets} apart (AUC {auc:.2f} {held}, chance is 0.50): do not trust its scores."
    return f"It tells the {sets} apart with an AUC of {auc:.2f} {held}."
