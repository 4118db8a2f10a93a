"""Which single queries influence can be believed for: the LDS of each of them, and what that goes with."""

from typing import Any

import numpy as np

from benchmarks.fragility.measures import Floats, agreement, correlation_draws, interval, lds_of_each
from benchmarks.fragility.models import Studied
from benchmarks.fragility.plan import DEFAULT
from benchmarks.fragility.study import Influence, influence_of
from curation.models.linear import linear_modules
from curation.models.load import load_model
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.gradient_norm import GradientNorm
from curation.scoring.likelihood import Likelihood
from curation.scoring.work import read_queries
from curation.store.catalogue import open_catalogue
from curation.validation.bank import Bank
from curation.validation.lds import ceiling

TOKENS_AT_ONCE = 4096
# How many queries a mean is taken over, and how often they are drawn for it.
AVERAGED, TIMES = (1, 3, 10, 30, 100), 100


def by_query(studied: Studied) -> dict[str, Any]:
    """Each gold query's LDS by the default, its correlation with what is known of the query, and means of several."""
    plan = studied.plan
    own = influence_of(studied, [studied.run(DEFAULT, seed) for seed in range(plan.references)])
    bank = studied.bank(DEFAULT, plan.more, 2)
    each = lds_of_each(own.values, bank.inside, bank.log_likelihood.mean(1))
    known = _known(studied, own, bank)
    return {
        "lds": [round(float(one), 4) for one in each],
        "quartiles": [round(float(one), 4) for one in np.quantile(each, [0, 0.25, 0.5, 0.75, 1])],
        # The same by one half of the parts and by the other: how far it is the query's, and not chance's.
        "by_other_parts": agreement(np.stack([_by_some(own, bank, which) for which in (0, 1)])),
        "parts": len(bank.inside),
        "ceiling": ceiling(bank.log_likelihood),
        "goes_with": {name: interval(correlation_draws(each, one)) for name, one in known.items()},
        "averaged": _averaged(own.values.mean(0), bank),
        "known": {name: [round(float(value), 4) for value in one] for name, one in known.items()},
    }


def _by_some(own: Influence, bank: Bank, which: int) -> Floats:
    """(Q,) LDS of each query by every other part."""
    return lds_of_each(own.values, bank.inside[which::2], bank.log_likelihood[which::2].mean(1))


def _known(studied: Studied, own: Influence, bank: Bank) -> dict[str, Floats]:
    """What may tell a query that can be believed from one that cannot, (Q,) each; the last two need several trainings."""
    model = load_model(str(studied.reference(DEFAULT, 0)), device="cpu")
    modules = linear_modules(model)
    catalogue = open_catalogue(studied.project)
    queries = read_queries(catalogue, model)
    catalogue.close()
    loss, norm = (sheet.of(len(queries.encoded), model.device) for sheet in (Likelihood, GradientNorm))
    for batch in batches_of(model, queries.encoded, TOKENS_AT_ONCE):
        fused_pass(model, batch, [loss, norm], modules)
    order = np.argsort([query.query_id for query in queries.queries])
    measured = bank.log_likelihood
    return {
        "its loss, nats a token": (loss.nll / loss.tokens).numpy()[order],
        "its tokens": loss.tokens.numpy()[order],
        "norm of its gradient": norm.norm.numpy()[order],
        "spread of its influence over the traces": own.values.std(2).mean(0),
        "agreement of two reference models on it": np.array(
            [agreement(own.values[:, query]) for query in range(own.values.shape[1])]
        ),
        "spread of its log-likelihood over trainings": measured.mean(1).std(0),
        "what two seeds of the same halves agree on": np.array(
            [ceiling(measured[:, :, [query]]) for query in range(measured.shape[2])]
        ),
    }


def _averaged(values: Floats, bank: Bank) -> dict[str, list[float]]:
    """Number of queries -> [mean, low, high] of the LDS of their mean, over draws of so many."""
    measured, random = bank.log_likelihood.mean(1), np.random.default_rng(0)
    queries = len(values)
    found = {}
    for count in sorted({min(count, queries) for count in AVERAGED}):
        times = 1 if count == queries else TIMES
        drawn = [random.choice(queries, count, replace=False) for _ in range(times)]
        means = np.stack([values[some].mean(0) for some in drawn])
        got = lds_of_each(
            means[None], bank.inside, np.stack([measured[:, some].mean(1) for some in drawn], 1)
        )
        found[str(count)] = [
            round(float(one), 4) for one in (np.mean(got), *np.quantile(got, [0.025, 0.975]))
        ]
    return found
