"""Whether a ranking hangs on what happened to be drawn: the queries, the sample for the curvature, the model."""

from collections.abc import Mapping
from math import isnan

from curation.validation.finding import Finding, high_is_good
from curation.validation.reliability import FEWEST, Reliability

# From which value on a finding is good, and from which on it is not bad.
OTHER_QUERIES = (0.8, 0.6)
OTHER_SAMPLE = (0.95, 0.8)
OTHER_MODELS = (0.9, 0.7)


def queries_finding(found: Mapping[str, Reliability | None], errors: Mapping[str, float]) -> Finding:
    """Whether other queries of the same kind would rank the traces the same.

    Args:
        found: How reliable each group's ranking is.
        errors: Each group's standard error over its queries, as a share of the spread over traces; NaN if unknown.
    """
    question = "Would other problems give the same ranking?"
    columns = (
        "group",
        "queries",
        "rank correlation with another set",
        "middle 95% of draws",
        "standard error, of the spread",
    )
    rows = [
        (group, "fewer than four, or not kept", "—", "—", _share(errors[group]))
        if one is None
        else (
            group,
            f"{one.queries:,}",
            f"{one.mean:.2f}",
            f"{one.low:.2f} to {one.high:.2f}",
            _share(errors[group]),
        )
        for group, one in found.items()
    ]
    group, first = next(iter(found.items()))
    if first is None:
        words = f"Not known: group {group} has fewer than {FEWEST} queries, or the run kept no single ones. Add queries."
        return Finding(question, "not known", words, columns, tuple(rows))
    verdict = high_is_good(first.mean, OTHER_QUERIES)
    less = f"{first.queries:,} other queries like those of {group} would rank the traces with a correlation of about {first.mean:.2f}"
    more = {
        "believe": "the ranking is about the kind of problem, not about these very ones.",
        "be careful": "trust the ends of the ranking more than its middle, or add queries.",
        "do not use": "the ranking is mostly about these very problems; add queries, several times as many.",
    }[verdict]
    return Finding(question, verdict, f"{less}: {more}", columns, tuple(rows))


def _share(value: float) -> str:
    return "—" if isnan(value) else f"{value:.0%}"


def curvature_finding(stability: Mapping[str, float | None]) -> Finding:
    """Whether another sample of traces for the curvature would rank the traces the same."""
    question = "Would another sample for the curvature give the same ranking?"
    columns = ("group", "rank correlation of the two halves")
    rows = tuple((group, "—" if one is None else f"{one:.3f}") for group, one in stability.items())
    group, first = next(iter(stability.items()))
    if first is None:
        words = "Not known: this run did not compare the halves of its sample."
        return Finding(question, "not known", words, columns, rows)
    verdict = high_is_good(first, OTHER_SAMPLE)
    more = {
        "believe": "the sample was large enough.",
        "be careful": "score again with more --factor-traces before pruning hard.",
        "do not use": "the sample was far too small; score again with more --factor-traces.",
    }[verdict]
    words = (
        f"The two halves of the sample rank by {group} with a correlation of {first:.3f}: {more} "
        "They share their eigenvectors, so this is an upper bound."
    )
    return Finding(question, verdict, words, columns, rows)


def models_finding(models: int, agreed: Mapping[str, float | None]) -> Finding:
    """Whether reference models with other seeds would rank the traces the same.

    The mean of k models that agree with r in pairs would agree with the mean of k others with about k r / (1 + (k - 1) r)
    (Spearman-Brown).

    Args:
        models: How many the run is the mean of; 1 if it is no ensemble.
        agreed: Rank correlation of two of them, by group; None if unknown.
    """
    question = "Would another reference model, by its seed, give the same ranking?"
    columns = ("group", "rank correlation of two models", f"of two means of {models}")
    means = {group: None if r is None else models * r / (1 + (models - 1) * r) for group, r in agreed.items()}
    rows = tuple((group, _two(agreed[group]), _two(mean)) for group, mean in means.items())
    group, first = next(iter(means.items()))
    if first is None:
        words = (
            "Not known: this run is by one model. Train others with --seed, score with each, and put the runs together with "
            "`curation ensemble`: it says how far they agree, and their mean hangs less on one training."
        )
        return Finding(question, "not known", words)
    verdict = high_is_good(first, OTHER_MODELS)
    more = {
        "believe": "the ranking is about the traces, not about one training.",
        "be careful": "trust the ends of the ranking more than its middle, or add models.",
        "do not use": "the ranking is mostly about the accidents of these trainings; add models.",
    }[verdict]
    words = f"{models} other models would rank by {group} with a correlation of about {first:.2f}: {more}"
    return Finding(question, verdict, words, columns, rows)


def _two(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"
