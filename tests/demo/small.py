"""Demos that are built in seconds: one that shows something, and one that only has every part."""

from dataclasses import replace

from curation.demo.build import SETTINGS, DemoSettings
from curation.demo.pool import Mix

SMALL = DemoSettings(
    mix=Mix(traces=300, flawed=8, systematic=16, rare=10, copies=8),
    validation=40,
    training=replace(SETTINGS, epochs=8),
)
TINY = DemoSettings(
    mix=Mix(traces=60, flawed=2, systematic=4, rare=4, copies=2),
    validation=8,
    training=replace(SETTINGS, epochs=2),
)
