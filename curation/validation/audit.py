"""Format flaws of a pool, as findings: one template, one tone, one source that gives itself away.

Uniform synthetic formats are over-fitted (2406.12397): the model learns the form, answers in it whatever is asked, and
follows instructions worse. Each finding says what it means and what to do.
"""

import numpy as np

from curation.errors import ProjectError
from curation.selection.separability import FEWEST as FEWEST_VECTORS
from curation.selection.separability import Separability, separability
from curation.selection.spread import FEWEST, Spread, spreads
from curation.selection.templates import Templates, templates_of
from curation.store.catalogue import Catalogue
from curation.store.columns import score_by_trace, score_names
from curation.store.facets import SOURCE, Facet, facet
from curation.store.frame import frame_of
from curation.validation.finding import Finding, Verdict, low_is_good

# From which value on a finding is bad, and from which on it is not good.
ONE_TEMPLATE = (0.8, 0.4)
APART = (0.95, 0.8)
# A variance below this share of human-written text's is uniform.
UNIFORM = 0.5
LISTED = 10


def audit(
    catalogue: Catalogue, run_id: str | None, *, human: str | None = None, by: str = SOURCE, seed: int = 0
) -> list[Finding]:
    """Every finding about the format of a project's traces.

    Args:
        catalogue: The project.
        run_id: The run whose perplexities and embeddings are read; None if there is none.
        human: The source (or other kind) that people wrote.
        by: What tells kinds apart: SOURCE, or a metadata key.
        seed: Of the draw of embeddings.

    Raises:
        ProjectError: There is no trace, or none of the human kind.
    """
    if not len(frame_of(catalogue)):
        raise ProjectError("The project has no traces; bring some in with `curation ingest PROJECT SOURCE`.")
    kinds = facet(catalogue, by)
    if human is not None and human not in kinds.values:
        raise ProjectError(
            f"No trace is of {human!r}; there is {', '.join(kinds.values[:8]) or 'nothing of the kind'}."
        )
    return [
        template_finding(templates_of(catalogue)),
        _spread_finding(catalogue, run_id, kinds, human),
        separability_finding(separability(catalogue, run_id, kinds, seed) if run_id else []),
    ]


def template_finding(templates: Templates) -> Finding:
    """Whether one skeleton stands for the pool."""
    top = templates.share(0)
    verdict = low_is_good(top, ONE_TEMPLATE)
    said = (
        f"{top:.0%} of the traces have one template, and all together are worth {templates.effective:,.1f} "
        f"templates of equal share (there are {len(templates.counts):,}):"
    )
    more = {
        "believe": "no single form rules the pool.",
        "be careful": "a model trained on it will lean to that form; read an example, and mix in traces that are written otherwise.",
        "do not use": "a model trained on it will answer in that form whatever is asked; rewrite or mix in other forms, or try "
        "`curation unlearn --template` to see what the form costs.",
    }[verdict]
    # A pool of one kind of problem may well have one form: a reason to look, not to discard.
    verdict = "be careful" if verdict == "do not use" else verdict
    rows = tuple(
        (
            templates.id(place),
            f"{templates.counts[place]:,}",
            f"{templates.share(place):.1%}",
            templates.words(place),
        )
        for place in range(min(LISTED, len(templates.counts)))
    )
    return Finding(
        "Is it all one template?", verdict, f"{said} {more}", ("template", "traces", "share", "marks"), rows
    )


def _spread_finding(catalogue: Catalogue, run_id: str | None, kinds: Facet, human: str | None) -> Finding:
    if run_id is None or "perplexity" not in score_names(catalogue, run_id):
        words = "Not known: no run has perplexities; score with `--scores perplexity`."
        return Finding(_TONE, "not known", words)
    perplexity = score_by_trace(catalogue, run_id, "perplexity")
    with np.errstate(divide="ignore", invalid="ignore"):
        return spread_finding(spreads(np.log(perplexity), kinds, human), human)


_TONE = "Does it vary as much as what people write?"


def spread_finding(found: list[Spread], human: str | None) -> Finding:
    """Whether synthetic text is as uneven to the model as human-written text is."""
    columns = ("source", "traces", "mean log perplexity", "variance", "of human variance", "95% interval")
    rows = tuple(
        (
            one.kind,
            f"{one.traces:,}",
            f"{one.mean:.3f}",
            f"{one.variance:.4f}",
            "—" if one.ratio is None else f"{one.ratio:.2f}",
            "—" if one.low is None else f"{one.low:.2f} to {one.high:.2f}",
        )
        for one in found
    )
    compared = [one for one in found if one.ratio is not None]
    if not compared or human is None:
        words = (
            f"Not known: it takes a source that people wrote (name it by `--human`) beside another one, of {FEWEST} traces with a "
            "perplexity each."
        )
        return Finding(_TONE, "not known", words, columns, rows)
    flat = [one for one in compared if one.high is not None and one.high < 1 and (one.ratio or 0) < UNIFORM]
    if not flat:
        words = f"No source has less than {UNIFORM:.0%} of the variance of {human} for sure."
        return Finding(_TONE, "believe", words, columns, rows)
    names = ", ".join(f"{one.kind} at {one.ratio:.0%} ({one.low:.0%} to {one.high:.0%})" for one in flat)
    words = (
        f"Of the variance of log perplexity that {human} has: {names}. The text is uniform to the model, so it learns the tone "
        "fast and over-fits it; sample with a higher temperature or several prompts, or take fewer of these."
    )
    return Finding(_TONE, "be careful", words, columns, rows)


def separability_finding(found: list[Separability]) -> Finding:
    """Whether a source gives itself away."""
    question = "Do the sources look alike to the model?"
    if not found:
        words = f"Not known: it takes two sources of {FEWEST_VECTORS} traces or more, and a run with embeddings (`--scores rds`)."
        return Finding(question, "not known", words)
    rows = tuple(
        (one.kind, f"{one.traces:,}", f"{one.others:,}", f"{one.auc:.3f}", f"{one.low:.3f} to {one.high:.3f}")
        for one in found
    )
    most = max(found, key=lambda one: one.auc)
    verdict: Verdict = low_is_good(most.auc, APART)
    said = (
        f"A straight line through the embeddings tells {most.kind} from the others in {most.auc:.0%} of pairs "
        f"({most.low:.0%} to {most.high:.0%}; 50% is chance):"
    )
    more = {
        "believe": "sources do not give themselves away.",
        "be careful": "subject or form sets it apart; read some of each on the Map before you weigh one against the other.",
        "do not use": "subject or form sets it wholly apart. If the subjects are the same, the model will learn the form as a sign "
        "of the source: mix sources within a subject, or rewrite one in the form of the other.",
    }[verdict]
    # What is far apart is a reason to look, not to discard: other subjects are apart too.
    verdict = "be careful" if verdict == "do not use" else verdict
    columns = ("source", "traces", "others", "AUC against the others", "95% interval")
    return Finding(question, verdict, f"{said} {more}", columns, rows)
