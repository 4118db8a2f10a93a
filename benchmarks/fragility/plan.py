"""What is studied: one pool, the settings of the reference model, and those of the engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from curation.demo.build import SETTINGS
from curation.demo.make_base import LAYERS, STEPS
from curation.demo.pool import MIX, Mix
from curation.models.train import TrainSettings


@dataclass(frozen=True)
class Setting:
    """How a reference model, and every model that is retrained beside it, comes about.

    Attributes:
        name: In the tables.
        weight_decay: Of the fine-tuning on the pool or on parts of it.
        layers: Of the base model.
    """

    name: str
    weight_decay: float = SETTINGS.weight_decay
    layers: int = LAYERS


DEFAULT = Setting("default")
SETTINGS_STUDIED = (
    DEFAULT,
    Setting("1 layer", layers=1),
    Setting("4 layers", layers=4),
    Setting("weight decay 0", weight_decay=0.0),
    Setting("weight decay 0.1", weight_decay=0.1),
    Setting("weight decay 1", weight_decay=1.0),
)
# The engine's own settings, none of which needs a training: name -> what differs from a plain request.
ENGINE: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "another sample and labels": {"seed": 1},
    "damping 0.01": {"damping": 0.01},
    "damping 1": {"damping": 1.0},
    "damping 1000, next to no curvature": {"damping": 1000.0},
    "MLP layers alone": {"modules": "mlp"},
    "attention layers alone": {"modules": "attention"},
    "the data's own labels": {"labels": "data"},
    "factors of 64 traces": {"factor_traces": 64, "stability": 1.0},
    "factors of 256 traces": {"factor_traces": 256, "stability": 1.0},
    "factors of 1,000 traces": {"factor_traces": 1000, "stability": 1.0},
}


@dataclass(frozen=True)
class Plan:
    """Everything that decides the figures.

    Attributes:
        pool: Seed of the pool; no other figure of this project is of the same one.
        mix: What it is made of.
        validation: Problems whose right answers are the queries.
        test: Problems on which accuracy is measured; no query is among them.
        base_steps: Optimiser steps of a base model that is not the shipped one.
        training: How models are fine-tuned, but for the weight decay.
        references: Reference models of each setting, with seeds 0, 1, ...
        engine_references: Those of the default that other settings of the engine score with.
        parts: Random halves that are trained on with one seed, for each setting.
        more: Halves that are trained on with two seeds, for the default alone: for the engine and for single queries.
        settings: The default first.
        engine: The default first.
    """

    pool: int = 200
    mix: Mix = MIX
    validation: int = 100
    test: int = 400
    base_steps: int = STEPS
    training: TrainSettings = SETTINGS
    references: int = 3
    engine_references: int = 1
    parts: int = 40
    more: int = 60
    settings: tuple[Setting, ...] = SETTINGS_STUDIED
    engine: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: ENGINE)


FULL = Plan()
QUICK = Plan(
    mix=Mix(traces=60, flawed=2, systematic=4, rare=4, copies=2),
    validation=8,
    test=8,
    base_steps=2,
    training=replace(SETTINGS, epochs=4),
    references=2,
    parts=4,
    more=4,
    settings=(DEFAULT, Setting("1 layer", layers=1)),
    engine={name: ENGINE[name] for name in ("default", "another sample and labels")},
)
