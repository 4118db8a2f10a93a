"""Masking the worst steps against dropping the worst traces, at equal tokens: does a vetoed step do more for a model?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.proof.detection import Planted
from benchmarks.proof.plan import DEFAULT, EVERYTHING, ORACLE, RANDOM
from curation.models.encode import encode, masked_tokens
from curation.models.load import load_tokenizer
from curation.selection.masks import merged
from curation.selection.step_order import step_order
from curation.selection.traces import read_traces
from curation.store.catalogue import Catalogue
from curation.traces.steps import split_steps
from curation.validation.arms import Arm

Step = tuple[str, int, int]
Train = Callable[[Arm, int], list[float]]
DROPPED = f"dropping traces by {DEFAULT}"
OWN = "its own"


@dataclass(frozen=True, eq=False)
class Text:
    """The traces of a pool as the model learns them.

    Attributes:
        starts: Trace id -> character at which each completion token starts.
        lengths: Trace id -> characters of the response.
        steps: All steps of all traces.
        planted: The steps in which a flaw was planted.
    """

    starts: Mapping[str, tuple[int, ...]]
    lengths: Mapping[str, int]
    steps: Sequence[Step]
    planted: Sequence[Step]

    @property
    def tokens(self) -> int:
        """Completion tokens of the pool."""
        return sum(len(one) for one in self.starts.values())

    def size(self, step: Step) -> int:
        """Completion tokens of a step."""
        trace_id, start, stop = step
        return len(masked_tokens(self.starts[trace_id], [(start, stop)], self.lengths[trace_id]))


def text_of(catalogue: Catalogue, planted: Planted, model: Path) -> Text:
    """Tokenise and split the traces of a pool."""
    tokenizer, template = load_tokenizer(str(model)), catalogue.project.template
    traces = dict(zip(planted.trace_ids, read_traces(catalogue, planted.trace_ids), strict=True))
    starts = {
        name: encode(tokenizer, one.prompt, one.response, template=template, system=one.system).starts
        for name, one in traces.items()
    }
    spans = {name: split_steps(one.response) for name, one in traces.items()}
    wrong = [
        (name, *spans[name][place])
        for name, place in zip(planted.trace_ids, planted.step.tolist(), strict=True)
        if 0 <= place < len(spans[name])
    ]
    lengths = {name: len(one.response) for name, one in traces.items()}
    return Text(starts, lengths, [(name, *span) for name in spans for span in spans[name]], wrong)


def masked(
    catalogue: Catalogue,
    planted: Planted,
    text: Text,
    runs: Mapping[str, tuple[str, str]],
    order: NDArray[np.int64],
    shares: Sequence[float],
    trainings: int,
    train: Train,
) -> dict[str, Any]:
    """Train with the worst steps masked, or the worst traces dropped, up to a share of the tokens.

    Args:
        catalogue: The pool's project.
        planted: What is known of its traces.
        text: Its traces.
        runs: Step recipe -> the run and the score by step that it reads.
        order: (T,) the traces as the default recipe keeps them, the worst last.
        shares: Of the completion tokens, to lose at most.
        trainings: With seeds 0, 1, ...
        train: Arm and seed -> [accuracy, log-likelihood a token].

    Returns:
        What was masked -> share -> {"tokens": share of the tokens that were lost, "trained": one result a training}.
        The oracle masks the planted steps, whatever share of the tokens they are.
    """
    names = planted.trace_ids
    orders = {
        f"masking by {name}": step_order(catalogue, name, *where).steps() for name, where in runs.items()
    }
    lots = np.random.default_rng(0).permutation(len(text.steps))
    orders[f"masking at {RANDOM}"] = [text.steps[place] for place in lots]
    arms = {
        name: {
            f"{share:g}": _masking(f"{name} {share:g}", names, taken(text, steps, share)) for share in shares
        }
        for name, steps in orders.items()
    }
    arms[DROPPED] = {f"{share:g}": _dropping(text, names, order, share) for share in shares}
    arms[f"masking by the {ORACLE}"] = {OWN: _masking(f"mask {ORACLE}", names, text.planted)}
    arms[EVERYTHING] = {OWN: Arm(EVERYTHING, None, tuple(sorted(names)), 1.0)}
    return {
        name: {
            share: {
                "tokens": _lost(text, arm),
                "trained": [train(arm, seed) for seed in range(trainings)],
            }
            for share, arm in of_shares.items()
        }
        for name, of_shares in arms.items()
    }


def taken(text: Text, steps: Sequence[Step], share: float) -> list[Step]:
    """The first steps that have no more than a share of the tokens together."""
    sizes = np.cumsum([text.size(step) for step in steps])
    return list(steps[: int(np.searchsorted(sizes, share * text.tokens, side="right"))])


def _masking(name: str, trace_ids: Sequence[str], steps: Sequence[Step]) -> Arm:
    return Arm(name, None, tuple(sorted(trace_ids)), 1.0, masks=merged(sorted(steps)))


def _dropping(text: Text, trace_ids: Sequence[str], order: NDArray[np.int64], share: float) -> Arm:
    worst = [trace_ids[place] for place in order[::-1]]
    sizes = np.cumsum([len(text.starts[name]) for name in worst])
    lost = set(worst[: int(np.searchsorted(sizes, share * text.tokens, side="right"))])
    return Arm(f"{DROPPED} {share:g}", None, tuple(sorted(set(trace_ids) - lost)))


def _lost(text: Text, arm: Arm) -> float:
    """The share of the pool's completion tokens that an arm does not learn from."""
    kept = set(arm.trace_ids)
    dropped = sum(len(starts) for name, starts in text.starts.items() if name not in kept)
    hidden = sum(
        len(masked_tokens(text.starts[name], spans, text.lengths[name])) for name, spans in arm.masks.items()
    )
    return (dropped + hidden) / text.tokens
