"""What is compared in a validation, and what came of it."""

from dataclasses import asdict, dataclass
from typing import Any

from curation.errors import ScoringError
from curation.models.train import TrainSettings
from curation.selection.recipes import Recipe
from curation.validation.answers import ASKING, Asking
from curation.validation.compare import Row
from curation.validation.report import markdown
from curation.validation.trial import Trial


@dataclass(frozen=True)
class Comparison:
    """What is to be compared.

    Attributes:
        recipes: Names as `Recipe` takes them, as in "influence:gold"; random is always added.
        model: Folder or hub id of the model to fine-tune.
        settings: How to fine-tune; epochs are passes over the whole pool.
        keep: Shares of all traces; every recipe is compared at each.
        seeds: Trainings of each recipe, with seeds 0, 1, ...
        lora: Train an adapter.
        group: The query group whose problems are held out, where no problems are given.
        asking: How the trained models are asked.
        device: Where they are measured.
    """

    recipes: tuple[str, ...]
    model: str
    settings: TrainSettings
    keep: tuple[float, ...] = (0.5,)
    seeds: int = 3
    lora: bool = False
    group: str = "gold"
    asking: Asking = ASKING
    device: str = "auto"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ScoringError: There is nothing to compare, or a number is out of its range.
            SelectionError: A recipe is unknown.
        """
        for name in self.recipes:
            Recipe(name)
        if not self.recipes:
            raise ScoringError("No recipe is given; name some, as in --recipes influence,mid-ppl.")
        if not self.keep:
            raise ScoringError("No share is given; name some, as in --keep 0.8,0.5.")
        for share in self.keep:
            if not 0 < share <= 1:
                raise ScoringError(f"keep is {share}; give shares of the traces above 0 and up to 1.")
        if self.seeds < 1:
            raise ScoringError(
                "At least one seed is needed, and three or more for an interval that says much."
            )


@dataclass(frozen=True)
class Validation:
    """What came of a comparison.

    Attributes:
        rows: One a share and recipe, random first at each share.
        trials: Every training, also on random draws of as many tokens.
        how: What was done, as sentences.
        notes: How far to trust it, as sentences.
    """

    rows: list[Row]
    trials: list[Trial]
    how: list[str]
    notes: list[str]

    @property
    def markdown(self) -> str:
        """The report for people."""
        return markdown(self.rows, self.how, self.notes)

    def as_dict(self) -> dict[str, Any]:
        """The report for machines."""
        return asdict(self)
