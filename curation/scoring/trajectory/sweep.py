"""Backwards through a training: what each trace, at each step that used it, did to the groups (METHODS 5)."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from curation.scoring.trajectory.network import chunks
from curation.scoring.trajectory.request import METAGRADIENT, TRACIN
from curation.scoring.trajectory.training import Training
from curation.scoring.trajectory.update import State


@dataclass(frozen=True)
class Stepped:
    """One step, gone through backwards.

    Attributes:
        adjoints: Form -> the groups' derivatives by the state before the step, (K, P) each.
        found: Form -> (K, B) derivatives of the groups by the weights of the batch's traces in this step.
    """

    adjoints: dict[str, State]
    found: dict[str, Tensor]


def at_the_end(gradients: Tensor, forms: tuple[str, ...]) -> dict[str, State]:
    """The adjoints after the last step, from the gradients (K, P) of the groups' mean log-likelihoods there."""
    zero = torch.zeros_like(gradients)
    return {form: State(gradients, zero, zero) for form in forms}


def step_back(
    training: Training, number: int, before: State, gradient: Tensor, adjoints: Mapping[str, State]
) -> Stepped:
    """Go through one step backwards, in every form at once, on one graph of the batch's gradient.

    With u the derivative of a group by the batch's gradient, a trace d of the batch has u'g_d / n, g_d the gradient of
    its summed loss, n the batch's completion tokens. How the step's gradient depends on the weights is, by form:

    - metagradient: H u with the loss's own Hessian H, and every dependence of AdamW and clipping (2503.13751);
    - trajectory: sum_d (n_d / n) h_d h_d'u, h_d = g_d / n_d the gradient of the trace's mean loss over its n_d
      completion tokens, which is how 2412.09538 puts the product of gradients in the Hessian's place; second moment
      and clipping as recorded;
    - tracin: not at all (2002.08484, with the groups' gradients at the end).

    Args:
        training: The training.
        number: The step.
        before: The state before it.
        gradient: (P,) what it took.
        adjoints: Form -> derivatives by the state after the step.
    """
    updates = {
        form: _through_update(training, number, before, gradient, one, frozen=form != METAGRADIENT)
        for form, one in adjoints.items()
    }
    earlier = {form: state.w for form, (state, _) in updates.items()}
    found: dict[str, list[Tensor]] = {form: [] for form in adjoints}
    for part in chunks(training.schedule.batches[number], training.at_once):
        w = before.w.detach().requires_grad_()
        s = training.weights[part].requires_grad_()
        rows = [training.rows[place] for place in part]
        losses = training.network.losses(w, rows)
        means = losses / torch.tensor([float(row.tokens) for row in rows]).to(losses)
        total = (losses * s).sum() / training.tokens(number)
        (g,) = torch.autograd.grad(total, w, create_graph=True)
        for form, (_, by_gradient) in updates.items():
            through = [_through_gradient(form, means, g, w, s, u) for u in by_gradient]
            found[form].append(torch.stack([of_traces for of_traces, _ in through]))
            if form != TRACIN:
                earlier[form] = earlier[form] + torch.stack([of_weights for _, of_weights in through])
    return Stepped(
        {form: State(earlier[form], state.m, state.v) for form, (state, _) in updates.items()},
        {form: torch.cat(parts, 1) for form, parts in found.items()},
    )


def _through_update(
    training: Training, number: int, before: State, gradient: Tensor, after: State, *, frozen: bool
) -> tuple[State, Tensor]:
    """Derivatives by the state before an optimiser's step, and by its gradient, (K, P) each, the gradient held fast."""
    inputs = [one.detach().requires_grad_() for one in (*before, gradient)]
    made = training.optimizer.step(
        State(*inputs[:3]), inputs[3], training.schedule.rates[number], number, frozen=frozen
    )
    # In the frozen form nothing depends on the second moment, so that its adjoint stays 0.
    w, m, v, g = torch.autograd.grad(
        list(made), inputs, list(after), is_grads_batched=True, materialize_grads=True
    )
    return State(w, m, v), g


def _through_gradient(
    form: str, means: Tensor, g: Tensor, w: Tensor, s: Tensor, u: Tensor
) -> tuple[Tensor, Tensor]:
    """Derivatives of u'g by the traces' weights (B,) and by the trained weights (P,), the latter as the form has it."""
    if form == METAGRADIENT:
        of_weights, of_traces = torch.autograd.grad(g, (w, s), u, retain_graph=True)
        return of_traces, of_weights
    (of_traces,) = torch.autograd.grad(g, s, u, retain_graph=True)
    if form == TRACIN:
        return of_traces, torch.zeros(())
    (of_weights,) = torch.autograd.grad(means, w, of_traces * s.detach(), retain_graph=True)
    return of_traces, of_weights
