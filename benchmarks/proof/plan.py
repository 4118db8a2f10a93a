"""What is proved: on which pools, at which shares, which recipes, how often."""

from dataclasses import dataclass, replace

from curation.demo.build import SETTINGS
from curation.demo.pool import MIX, Mix
from curation.models.sampling import Sampling
from curation.models.train import TrainSettings

RANDOM, ORACLE, EVERYTHING = "random", "oracle", "everything"
# The recipe that the product recommends.
DEFAULT = "influence-consensus"
# Seeds of the two further reference models of the ensemble.
SEEDS = (1, 2)
# Recipes that are compared over three reference models, too.
OF_THREE = {name: f"{name} of three models" for name in (DEFAULT, "influence")}
# The curvature at the end of the training, and Adam's steps at its checkpoints: two views of the same question.
WITH_LESS = f"rank-average:{DEFAULT}/gold+less/gold"
# What the claims are about: trained as often as the plan says, where the others may be trained less often.
MAIN = (RANDOM, ORACLE, DEFAULT, "influence", "top:less/gold", WITH_LESS, *OF_THREE.values())
RECIPES = (
    DEFAULT,
    "influence",
    "influence:correct",
    "influence-correct",
    "influence-incorrect",
    "influence-combined",
    "influence:wrong-to-right",
    "influence:contrast",
    "top:influence-cosine/gold",
    "rds+",
    "mid-ppl",
    "bottom-ppl",
    "bottom:rsr",
    "bottom:gradient-norm",
    "top:less/gold",
    "bottom:outlier-forest",
    "bottom:outlier-l2",
    "top:grace",
    "top:lossdiff/gold",
    "mid:influence/gold",
    "medium",
    "select2reason",
    "rank-average:influence-consensus/gold+-perplexity",
    WITH_LESS,
    "rank-average:influence/gold+rds/gold",
    "rank-average:influence/gold+influence/correct",
    "top:metagradient/gold",
    "top:trajectory/gold",
    "top:tracin/gold",
)
# Recipes that put others together, each with what it is compared with.
ENSEMBLES = {
    WITH_LESS: (DEFAULT, "top:less/gold"),
    "rank-average:influence-consensus/gold+-perplexity": (DEFAULT, "bottom-ppl"),
    "rank-average:influence/gold+rds/gold": ("influence", "rds+"),
    "rank-average:influence/gold+influence/correct": ("influence", "influence:correct"),
    OF_THREE[DEFAULT]: (DEFAULT,),
    OF_THREE["influence"]: ("influence",),
}
# What is compared where flaws are only random: whether a cheaper score is enough, and what the default costs there.
PLAIN_RECIPES = (
    DEFAULT,
    "influence",
    "influence-combined",
    "top:influence-cosine/gold",
    "rds+",
    "mid-ppl",
    "bottom-ppl",
    "bottom:gradient-norm",
    "top:less/gold",
    "bottom:outlier-forest",
    WITH_LESS,
    "rank-average:influence-consensus/gold+-perplexity",
    "top:trajectory/gold",
)
# Families of scores that are asked for by name, and that some recipe or step above reads.
RIVALS = ("less", "outlier", "grace", "segments", "lossdiff", "irm", "difficulty")
# Of the reference model's training, for LESS: one an epoch, as in its paper.
CHECKPOINTS = 4
# Answers of the base model to each problem of the pool, which say how difficult it is.
ANSWERS = Sampling(samples=4, temperature=1.0)
# Pools on which recipe and settings were chosen; none of these is reported.
CHOSEN_ON = (100, 101, 102, 103)


@dataclass(frozen=True)
class PoolPlan:
    """One pool: its seed, and what it is made of."""

    seed: int
    mix: Mix = MIX

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.seed}" if self.mix.systematic else f"{self.seed}-random-flaws"


@dataclass(frozen=True)
class Plan:
    """Everything that decides the figures.

    Attributes:
        pools: Pools with every flaw.
        plain: Pools with random flaws only, whose right traces take the place of the systematic ones.
        pruned: Shares of the traces that are pruned.
        masked: Shares of the tokens that are lost where steps are masked or traces dropped.
        trainings: On each selection, with seeds 0, 1, ...
        other_trainings: The same of what is not in `MAIN`.
        validation: Problems whose answers are the queries of each pool.
        test: Problems on which accuracy is measured; no query is among them.
        parts: Random halves that are trained on for LDS, on the first pool.
        part_seeds: Trainings on each of them.
        settings: How the base model is fine-tuned, everywhere.
        recipes: What is compared, beside random and the oracle.
        plain_recipes: The same on the pools with random flaws only.
    """

    pools: tuple[PoolPlan, ...]
    plain: tuple[PoolPlan, ...]
    pruned: tuple[float, ...] = (0.2, 0.5)
    masked: tuple[float, ...] = (0.04, 0.09, 0.2)
    trainings: int = 2
    other_trainings: int = 2
    validation: int = 100
    test: int = 400
    parts: int = 100
    part_seeds: int = 2
    settings: TrainSettings = SETTINGS
    recipes: tuple[str, ...] = RECIPES
    plain_recipes: tuple[str, ...] = PLAIN_RECIPES


FULL = Plan(
    pools=tuple(PoolPlan(seed) for seed in range(5)),
    plain=tuple(PoolPlan(seed, replace(MIX, systematic=0)) for seed in range(5, 8)),
)
_SMALL = Mix(traces=120, flawed=4, systematic=8, rare=6, copies=2)
QUICK = Plan(
    pools=(PoolPlan(0, _SMALL), PoolPlan(1, _SMALL)),
    plain=(PoolPlan(2, replace(_SMALL, systematic=0)),),
    masked=(0.2,),
    trainings=1,
    other_trainings=1,
    validation=16,
    test=16,
    parts=4,
    settings=replace(SETTINGS, epochs=2),
)
