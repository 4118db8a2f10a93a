"""Whether training agrees with the scores: the answer that counts."""

from collections.abc import Sequence

from curation.validation.arms import RANDOM
from curation.validation.finding import Finding, Verdict
from curation.validation.past import Past


def training_finding(past: Sequence[Past]) -> Finding:
    """Whether training on what a recipe keeps was better than training on as many random traces."""
    question = "Does training agree?"
    columns = ("recipe", "kept", "seeds", "log-likelihood a token, minus random", "accuracy, minus random")
    compared = [
        (row, one)
        for one in past
        for row in one.rows
        if row.name != RANDOM and row.log_likelihood_minus_random is not None
    ]
    rows = []
    for row, one in compared:
        likelihood, accuracy = row.log_likelihood_minus_random, row.accuracy_minus_random
        seeds = f"{likelihood.seeds:,}" if likelihood else "—"
        rows.append(
            (
                row.name,
                f"{one.keep:.0%}",
                seeds,
                f"{likelihood.mean:+.4f}, {likelihood.words}" if likelihood else "—",
                f"{accuracy.mean:+.3f}, {accuracy.words}" if accuracy else "—",
            )
        )
    of_influence = [(row, one) for row, one in compared if row.name.startswith("influence")]
    if not of_influence:
        words = (
            "Not known, and the one answer that counts: `curation validate PROJECT --model MODEL --recipes influence,mid-ppl` "
            "trains on what recipes keep and compares with random."
        )
        return Finding(question, "not known", words, columns, tuple(rows))
    row, one = of_influence[0]
    difference = row.accuracy_minus_random or row.log_likelihood_minus_random
    said = difference.words if difference else "one seed: nothing can be said of chance"
    verdict: Verdict = "be careful"
    if said.startswith("better"):
        verdict = "believe"
    elif said.startswith("worse"):
        verdict = "do not use"
    words = (
        f"{row.name}, keeping {one.keep:.0%}, was {said}."
        if not said.startswith("one")
        else f"{row.name}: {said}."
    )
    return Finding(question, verdict, words, columns, tuple(rows))
