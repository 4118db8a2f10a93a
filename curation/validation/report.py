"""A validation as Markdown: the table, how it was made, and what a reader should know."""

from curation.validation.compare import Difference, Row

_HEAD = (
    "| recipe | kept | traces | tokens | log-likelihood a token | minus random | at equal tokens | accuracy | minus random | at equal tokens |",
    "|---|---|---|---|---|---|---|---|---|---|",
)


def markdown(rows: list[Row], how: list[str], notes: list[str]) -> str:
    """The whole report.

    Args:
        rows: Random first.
        how: Sentences about what was done.
        notes: Sentences about how far to trust it.
    """
    verdicts = [sentence for row in rows if (sentence := _verdict(row))]
    lines = [*_HEAD, *map(_line, rows), "", " ".join(how), ""]
    return "\n".join([*lines, *(f"- {one}" for one in [*verdicts, *notes])])


def _line(row: Row) -> str:
    equal = row.at_equal_tokens
    cells = [
        row.name,
        share(row.keep),
        f"{row.traces:,}",
        "-" if row.tokens is None else f"{row.tokens:,}",
        f"{row.log_likelihood:.4f}",
        _difference(row.log_likelihood_minus_random, 4),
        _difference(equal.log_likelihood if equal else None, 4),
        "-" if row.accuracy is None else f"{row.accuracy:.3f}",
        _difference(row.accuracy_minus_random, 3),
        _difference(equal.accuracy if equal else None, 3),
    ]
    return f"| {' | '.join(cells)} |"


def _difference(difference: Difference | None, digits: int) -> str:
    if difference is None:
        return "-"
    interval = (
        "no interval"
        if difference.low is None or difference.high is None
        else f"{difference.low:+.{digits}f} to {difference.high:+.{digits}f}"
    )
    return f"{difference.mean:+.{digits}f} ({interval})"


def _verdict(row: Row) -> str:
    """One sentence about a recipe; "" for random itself."""
    if row.log_likelihood_minus_random is None:
        return ""
    kept = "" if row.keep is None else f", keeping {share(row.keep)}"
    said = f"{row.name}{kept}: in log-likelihood {row.log_likelihood_minus_random.words}"
    if row.accuracy_minus_random is not None:
        said += f"; in accuracy {row.accuracy_minus_random.words}"
    if row.at_equal_tokens is not None:
        said += f"; at equal tokens, in log-likelihood {row.at_equal_tokens.log_likelihood.words}"
        if row.at_equal_tokens.accuracy is not None:
            said += f", in accuracy {row.at_equal_tokens.accuracy.words}"
    return f"{said}."


def share(keep: float | None) -> str:
    """A share of the traces, as a percentage."""
    return "-" if keep is None else f"{100 * keep:g}%"
