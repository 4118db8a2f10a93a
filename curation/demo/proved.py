"""What `make proof` found on pools like the demo's: trainings on what each recipe keeps, shipped as figures."""

import json
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "proved.json"
Interval = tuple[float, float, float]


@dataclass(frozen=True)
class ProvedRecipe:
    """What one recipe came to.

    Attributes:
        name: The recipe.
        accuracy: Share pruned -> mean over pools of the accuracy after training on the rest.
        minus_random: Share pruned -> mean of the paired differences to random, with its 95% interval; empty for random.
        oracle_share: Share pruned -> (recipe - random) / (oracle - random); empty for random.
        auc: Flaw -> ROC-AUC of the recipe's ranking.
        lds: LDS of the score that it ranks by, with its interval; None where it has none.
    """

    name: str
    accuracy: dict[str, float]
    minus_random: dict[str, Interval]
    oracle_share: dict[str, float]
    auc: dict[str, float]
    lds: Interval | None


@dataclass(frozen=True)
class Proved:
    """The whole of it.

    Attributes:
        default: The recipe that is recommended.
        pools: On how many pools; none of them is one that settings were chosen on.
        recipes: The oracle, which knows the flaws, first; then by what share of its gain they reach.
        steps: Score -> how often the worst step of a flagged trace is the planted one.
    """

    default: str
    pools: int
    recipes: tuple[ProvedRecipe, ...]
    steps: dict[str, float]

    def recipe(self, name: str) -> ProvedRecipe:
        """One of them."""
        return next(one for one in self.recipes if one.name == name)

    @property
    def words(self) -> str:
        """The gist, as one sentence."""
        own, random, oracle = (self.recipe(name) for name in (self.default, "random", "oracle"))
        parts = [
            f"{own.accuracy[share]:.0%} right answers with {float(share):.0%} pruned (random {random.accuracy[share]:.0%}, "
            f"knowing the flaws {oracle.accuracy[share]:.0%})"
            for share in own.accuracy
        ]
        return f"On {self.pools} other pools of this kind, training on what {self.default} keeps gave {' and '.join(parts)}."


def proved() -> Proved:
    """The shipped figures."""
    found = json.loads(FILE.read_text(encoding="utf-8"))
    return Proved(
        found["default"],
        found["pools"],
        tuple(ProvedRecipe(**one) for one in found["recipes"]),
        found["steps"],
    )
