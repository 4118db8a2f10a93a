"""The part of proof.json that is shipped with the demo, which shows it: curation/demo/proved.json."""

import json
from collections.abc import Mapping
from typing import Any

from benchmarks.proof.plan import ORACLE, RANDOM
from curation.demo.proved import FILE


def shipped(found: Mapping[str, Any]) -> dict[str, Any]:
    """What `demo.proved` reads, from the content of proof.json; only recipes that users have, and the two ends."""
    recipes = {name: of for name, of in found["scores"].items() if " " not in name and "minus_random" in of}

    def place(name: str) -> tuple[bool, float]:
        return name != ORACLE, -sum(recipes[name]["oracle_share"].values())

    names = [*sorted(recipes, key=place), RANDOM]
    return {
        "default": found["default"],
        "pools": len(found["pools"]["reported"]),
        "recipes": [_recipe(name, found["scores"][name]) for name in names],
        "steps": found["steps"],
    }


def _recipe(name: str, of: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "accuracy": {share: interval[0] for share, interval in of["accuracy"].items()},
        "minus_random": of.get("minus_random", {}),
        "oracle_share": of.get("oracle_share", {}),
        "auc": of["auc"],
        "lds": of.get("lds"),
    }


def ship(found: Mapping[str, Any]) -> None:
    """Write it where the demo reads it."""
    FILE.write_text(json.dumps(shipped(found), indent=1) + "\n")
