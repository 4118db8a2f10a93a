"""Can a run's scores be believed? What is known of them, as findings with a verdict each, in plain words.

Influence is fragile for deep networks (2006.14651): it hangs on the queries and on the sample that the curvature was
fitted on, and may say little more than how long a trace is. None of this proves a score. Training on what it selects
does, so that is asked too.
"""

import numpy as np

from curation.selection.agreement import agreement
from curation.store.catalogue import Catalogue
from curation.store.columns import relative_error, score_by_trace, score_names
from curation.store.frame import frame_of
from curation.store.overview import Run
from curation.store.query_values import query_values
from curation.validation.agreement_findings import INFLUENCE, agreement_finding, length_finding
from curation.validation.finding import Finding
from curation.validation.lds_report import kept_report
from curation.validation.past import past_comparisons
from curation.validation.reliability import Reliability, reliability
from curation.validation.sampling_findings import curvature_finding, models_finding, queries_finding
from curation.validation.training_finding import retraining_finding, training_finding

# Traces on which rankings by other queries are compared.
COMPARED = 5_000
# What influence is compared with: other ways to look at a trace, not other sums of the same gradients.
KINDS = ("influence", "perplexity", "rsr", "rds", "gradient-norm", "tokens")


def trust(catalogue: Catalogue, run: Run) -> list[Finding]:
    """Every finding about a run; empty if it has no influence score."""
    names = score_names(catalogue, run.run_id)
    groups = [name.removeprefix(INFLUENCE) for name in names if name.startswith(INFLUENCE)]
    if not groups:
        return []
    judged = [name for name in names if name.partition("/")[0] in KINDS]
    agreed = agreement(judged, [score_by_trace(catalogue, run.run_id, name) for name in judged])
    return [
        queries_finding(
            {group: _reliability(catalogue, run.run_id, group) for group in groups},
            {group: relative_error(catalogue, run.run_id, f"{INFLUENCE}{group}") for group in groups},
        ),
        curvature_finding({group: run.stability.get(group) for group in groups}),
        models_finding(
            len(run.members),
            {group: run.parameters.get("agreement", {}).get(f"{INFLUENCE}{group}") for group in groups},
        ),
        length_finding(agreed),
        agreement_finding(agreed),
        retraining_finding(kept_report(catalogue.project, run.run_id)),
        training_finding(past_comparisons(catalogue.project)),
    ]


def _reliability(catalogue: Catalogue, run_id: str, group: str) -> Reliability | None:
    """On an even draw of the traces, where there are many."""
    frame = frame_of(catalogue)
    count = len(frame)
    chosen = np.arange(count)
    if count > COMPARED:
        chosen = np.sort(np.random.default_rng(0).choice(count, COMPARED, replace=False))
    values = query_values(catalogue, run_id, group, frame.names_of(chosen)).values
    return reliability(values) if values.size else None
