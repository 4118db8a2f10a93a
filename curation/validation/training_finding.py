"""Whether training agrees with the scores: the answer that counts, by what is kept and by random parts."""

from collections.abc import Sequence

from curation.validation.arms import RANDOM
from curation.validation.finding import Finding, Verdict
from curation.validation.lds_report import LdsReport
from curation.validation.past import Past
from curation.validation.report import share

# EK-FAC reaches .25 to .47 on language models (kronfluence, bergson).
GOOD_LDS = 0.2


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
                share(one.keep),
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
        f"{row.name}, keeping {share(one.keep)}, was {said}."
        if not said.startswith("one")
        else f"{row.name}: {said}."
    )
    return Finding(question, verdict, words, columns, tuple(rows))


def retraining_finding(report: LdsReport | None) -> Finding:
    """Whether models retrained on random parts are as the scores predict (LDS), for the queries of the first group."""
    question = "Do the scores predict training on random parts?"
    columns = ("score", "queries", "LDS", "95% interval", "two seeds agree at")
    if report is None or not report.rows:
        words = "Not known: `curation lds PROJECT --model BASE` retrains on random parts of the traces and compares."
        return Finding(question, "not known", words, columns)
    first = next((row for row in report.rows if row.score == f"influence/{row.group}"), report.rows[0])
    rows = tuple(
        (
            row.score,
            row.group,
            f"{row.lds.mean_query:+.2f}",
            f"{row.lds.low:+.2f} to {row.lds.high:+.2f}",
            "—" if (top := report.ceilings.get(row.group)) is None else f"{top:+.2f}",
        )
        for row in report.rows
        if row.group == first.group
    )
    low = first.lds.low
    verdict: Verdict = "believe" if low >= GOOD_LDS else "be careful" if low > 0 else "do not use"
    more = {
        "believe": "what it says of parts of the pool is what training on them does.",
        "be careful": "it goes the right way, and no further; more parts would say it more sharply.",
        "do not use": "that cannot be told from chance, or is worse.",
    }
    words = (
        f"{first.score} predicts training on {first.lds.parts:,} random parts at {first.lds.mean_query:+.2f} "
        f"({first.lds.low:+.2f} to {first.lds.high:+.2f}): {more[verdict]}"
    )
    return Finding(question, verdict, words, columns, rows)
