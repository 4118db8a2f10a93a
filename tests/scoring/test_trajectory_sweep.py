"""The way back against references: finite differences, retraining without a trace, and the formulas written out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from curation.models.load import load_tokenizer
from curation.models.train import TrainSettings
from curation.scoring.trajectory.drawn import drawn_weights
from curation.scoring.trajectory.network import Row
from curation.scoring.trajectory.questions import Questions
from curation.scoring.trajectory.request import TrajectoryRequest
from curation.scoring.trajectory.sweep import at_the_end, step_back
from curation.scoring.trajectory.training import Training, prepare
from curation.scoring.trajectory.update import BETAS, State
from tests.scoring.conftest import TRACES, WORDS
from tests.tiny import save_tiny

FORMS = ("metagradient", "trajectory", "tracin")
SETTINGS = TrainSettings(
    learning_rate=5e-3, warmup=0.2, epochs=2, batch_size=8, at_once=4, max_gradient_norm=0.5, weight_decay=0.1
)


@pytest.fixture(scope="module")
def smooth_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2, all of which computes in float64, where the Llama's norms and softmax would round to float32."""
    return save_tiny(tmp_path_factory.mktemp("smooth") / "tiny", "gpt2", WORDS)


def trained(model: Path, optimizer: str, settings: TrainSettings = SETTINGS, traces: int = 12) -> Training:
    settings = replace(settings, optimizer=optimizer, eps=1e-3)
    request = TrajectoryRequest(str(model), settings, dtype="float64", device="cpu")
    return prepare(request, load_tokenizer(str(model)), TRACES[:traces], "auto", torch.device("cpu"))[0]


def asked(training: Training) -> Questions:
    """Two groups of rows that the training does not see in this form."""
    rows = [Row(row.ids[::-1], row.weights) for row in training.rows]
    return Questions(("a", "b"), (tuple(rows[:3]), tuple(rows[3:5])))


def measured(training: Training, weights: Tensor) -> Tensor:
    """(K,) the groups' mean log-likelihoods after a training with these weights of the data."""
    w = training.weighed(weights).run().w
    rows = asked(training).rows
    return torch.stack([-training.network.losses(w, some).mean() for some in rows]).detach()


def swept(training: Training) -> dict[str, Tensor]:
    """Form -> (K, N), with every state at hand."""
    states: list[State] = []
    end = training.run(lambda number, state: states.append(state))
    adjoints = at_the_end(asked(training).gradients(training, end.w), FORMS)
    found = {form: torch.zeros(2, len(training.rows), dtype=torch.float64) for form in FORMS}
    for number in reversed(range(len(states))):
        _, gradient = training.step(number, states[number])
        stepped = step_back(training, number, states[number], gradient, adjoints)
        adjoints = stepped.adjoints
        for form, values in stepped.found.items():
            found[form][:, list(training.schedule.batches[number])] += values
    return found


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_the_metagradient_is_what_finite_differences_of_the_weights_of_the_data_give(
    smooth_folder: Path, optimizer: str
) -> None:
    rate = {"sgd": 0.2, "adamw": 5e-3}[optimizer]
    training = trained(smooth_folder, optimizer, replace(SETTINGS, learning_rate=rate))
    gradient = swept(training)["metagradient"]
    drawn = torch.Generator().manual_seed(0)
    ways = [*torch.eye(12, dtype=torch.float64)[:3], *torch.randn(3, 12, generator=drawn).double()]
    for way in ways:
        ahead, behind = (measured(training, 1 + step * way) for step in (1e-4, -1e-4))
        assert torch.allclose(gradient @ way, (ahead - behind) / 2e-4, rtol=1e-4, atol=1e-7)


def test_over_evenly_spread_weights_the_metagradient_is_what_a_trace_makes_of_the_result(
    smooth_folder: Path,
) -> None:
    """Its integral from not there to there twice, with the others' weights at what a draw gives them."""
    training = trained(smooth_folder, "sgd", replace(SETTINGS, learning_rate=0.2))
    nodes, shares = np.polynomial.legendre.leggauss(8)
    weights = torch.from_numpy(drawn_weights([one.trace_id for one in TRACES[:12]], 3))

    def at(place: int, weight: float) -> Tensor:
        return weights.index_fill(0, torch.tensor([place]), weight)

    for place in (0, 5):
        slopes = [swept(training.weighed(at(place, 1 + node)))["metagradient"][:, place] for node in nodes]
        whole = sum(float(share) * slope for share, slope in zip(shares, slopes, strict=True))
        expected = measured(training, at(place, 2)) - measured(training, at(place, 0))
        assert torch.allclose(whole, expected, rtol=1e-4, atol=1e-9)
        assert not torch.allclose(2 * slopes[-1], expected, rtol=0.01)  # No slope alone says it.


def test_the_metagradient_predicts_retraining_without_a_trace(smooth_folder: Path) -> None:
    """Gentle training, where the first derivative says nearly all of what leaving one of 12 traces out does."""
    settings = replace(SETTINGS, learning_rate=0.05, schedule="constant", warmup=0, max_gradient_norm=0)
    training = trained(smooth_folder, "sgd", settings)
    everything = measured(training, torch.ones(12))
    lost = torch.stack([everything - measured(training, 1 - row) for row in torch.eye(12)], 1)
    found = swept(training)
    for k in range(2):
        exact, approximate, tracin = (float(np.corrcoef(found[form][k], lost[k])[0, 1]) for form in FORMS)
        assert exact > 0.999
        assert approximate > 0.8
        assert tracin > 0.8


def written_out(training: Training, *, curved: bool) -> Tensor:
    """The sweep from METHODS 5 in dense algebra, each trace's gradient on its own: (K, N)."""
    states: list[State] = []
    end = training.run(lambda number, state: states.append(state))
    w = asked(training).gradients(training, end.w)
    mu, found = torch.zeros_like(w), torch.zeros(2, len(training.rows), dtype=torch.float64)
    rule, (b1, b2) = training.optimizer, BETAS
    for t in reversed(range(len(states))):
        batch, rate, n = training.schedule.batches[t], training.schedule.rates[t], training.tokens(t)
        leaf = states[t].w.detach().requires_grad_()
        losses = [training.network.losses(leaf, [training.rows[d]]).sum() for d in batch]
        g = torch.stack([torch.autograd.grad(loss, leaf)[0] for loss in losses])  # (B, P)
        total = g.sum(0) / n
        clip = min(1.0, rule.clip / (float(total.norm()) + 1e-6)) if rule.clip else 1.0
        if rule.name == "sgd":
            u = -rate * clip * w
        else:
            v = b2 * states[t].v + (1 - b2) * (clip * total) ** 2
            scale = 1 / ((v / (1 - b2 ** (t + 1))).sqrt() + rule.eps)
            mu = mu - rate / (1 - b1 ** (t + 1)) * scale * w
            u = (1 - b1) * clip * mu
            mu = b1 * mu
        lengths = torch.tensor([float(training.rows[d].tokens) for d in batch]).double()
        by_trace = u @ g.T / n  # (K, B)
        found[:, list(batch)] += by_trace
        w = (1 - rate * rule.decay) * w + (by_trace / lengths @ g if curved else 0)
    return found


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_the_approximate_forms_are_the_formulas_written_out(model_folder: Path, optimizer: str) -> None:
    training = trained(model_folder, optimizer, replace(SETTINGS, learning_rate=2e-2))
    found = swept(training)
    for form in ("trajectory", "tracin"):
        expected = written_out(training, curved=form == "trajectory")
        assert torch.allclose(found[form], expected, rtol=1e-6, atol=1e-12), form
    assert not torch.allclose(found["trajectory"], found["tracin"], rtol=1e-3)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_training_of_one_step_has_tracin_for_its_trajectory(model_folder: Path, optimizer: str) -> None:
    settings = replace(SETTINGS, epochs=1, batch_size=12, warmup=0)
    found = swept(trained(model_folder, optimizer, settings))
    assert torch.equal(found["trajectory"], found["tracin"])
    if optimizer == "sgd":  # Without clipping a step of plain descent is linear in its traces.
        found = swept(trained(model_folder, optimizer, replace(settings, max_gradient_norm=0)))
        assert torch.allclose(found["metagradient"], found["tracin"], rtol=1e-9, atol=1e-15)


def test_how_many_traces_are_in_memory_at_once_does_not_matter(model_folder: Path) -> None:
    one, all_ = (swept(trained(model_folder, "adamw", replace(SETTINGS, at_once=n))) for n in (1, 8))
    for form in FORMS:
        assert torch.allclose(one[form], all_[form], rtol=1e-6, atol=1e-12)
