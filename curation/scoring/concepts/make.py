"""Making a concept: from two sets of texts, or from a direction that was found elsewhere (2602.14869)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from curation.errors import ModelError, ScoringError
from curation.models.decoder import decoder_layers
from curation.models.encode import Encoded, encode
from curation.models.load import LanguageModel, load_model
from curation.scoring.concepts.probe import PROBES, Floats, direction_of, held_out_auc, separation, unit
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.memory import within_memory
from curation.scoring.projection import Activations
from curation.store.concepts import About, Concept, concept_path, publish_concept
from curation.store.project import Project
from curation.traces.texts import read_texts

TOKEN_BUDGET = 2048


@dataclass(frozen=True)
class ConceptRequest:
    """What a concept is made from.

    Attributes:
        name: Its name.
        model: Folder or hub id of the model.
        adapter: Of a PEFT adapter on it.
        positive: Source of texts that have the concept.
        negative: Source of texts that have it not.
        direction: A .safetensors file with the direction, in place of the two sets; they may still test it.
        row: Which row of a file that holds a matrix, as a sparse autoencoder's decoder.
        layer: The decoder layer, counted from 0; the middle one if None.
        probe: "mean": difference of class means; "linear": logistic regression.
        dtype: Of the model.
        device: "auto", "cpu", "cuda", ...
    """

    name: str
    model: str
    adapter: str = ""
    positive: str = ""
    negative: str = ""
    direction: str = ""
    row: int | None = None
    layer: int | None = None
    probe: str = "mean"
    dtype: str = "auto"
    device: str = "auto"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ScoringError: There is neither a pair of sets nor a direction, or the probe is unknown.
        """
        if bool(self.positive) != bool(self.negative) or not (self.positive or self.direction):
            raise ScoringError("Give --positive and --negative, two files of texts, or --direction, a file.")
        if self.row is not None and not self.direction:
            raise ScoringError("--row names a row of the file that --direction names; give that too.")
        if self.probe not in PROBES:
            raise ScoringError(f"--probe is {' or '.join(PROBES)}, not {self.probe!r}.")


def make_concept(project: Project, request: ConceptRequest) -> About:
    """Make a concept and publish it as `concepts/NAME.safetensors`.

    Raises:
        ProjectError: The name is taken, or is none.
        SourceError: A file of texts cannot be read.
        ModelError: The model cannot be loaded, or its decoder layers are not found.
        ScoringError: The layer, the direction or the texts do not fit the model.
    """
    if concept_path(project, request.name).exists():
        raise ScoringError(
            f"There is a concept {request.name!r} already, and concepts never change; choose another name."
        )
    texts = [read_texts(one) for one in (request.positive, request.negative) if one]
    model = load_model(request.model, adapter=request.adapter, dtype=request.dtype, device=request.device)
    depth, width = len(decoder_layers(model.module)), width_of(model)
    layer = depth // 2 if request.layer is None else request.layer
    if not 0 <= layer < depth:
        raise ScoringError(f"{model.name} has the layers 0 to {depth - 1}, and no layer {layer}.")
    sets = [pooled(model, [_encode(model, project, *one) for one in some], layer) for some in texts]
    given = read_direction(request.direction, request.row, width) if request.direction else None
    if given is None:
        direction = direction_of(sets[0], sets[1], request.probe)
        value, folds = held_out_auc(sets[0], sets[1], request.probe)
    else:
        direction, folds = given, 0
        value = separation(sets[0], sets[1], direction) if sets else None
    positive, negative = (len(one) for one in sets) if sets else (0, 0)
    source = ""
    if given is not None:
        row = "" if request.row is None else f", row {request.row}"
        source = f"{Path(request.direction).name}{row}"
    made = "file" if given is not None else request.probe
    about = About(
        request.name,
        request.model,
        model.revision,
        layer,
        depth,
        width,
        made,
        source,
        positive,
        negative,
        value,
        folds,
    )
    publish_concept(project, Concept(about, direction.astype(np.float32)))
    return about


def width_of(model: LanguageModel) -> int:
    """H, the width of what flows between decoder layers."""
    return int(model.module.config.hidden_size)  # type: ignore[union-attr,arg-type]


def pooled(model: LanguageModel, encoded: list[Encoded], layer: int) -> Floats:
    """(n, H) float64 mean activation of each text's completion at the output of a decoder layer."""

    def collect(budget: int) -> Activations:
        sheet = Activations.of({layer}, len(encoded), width_of(model), model.dtype, model.device)
        for batch in batches_of(model, encoded, budget):
            fused_pass(model, batch, [sheet])
        return sheet

    values: Floats = within_memory(collect, TOKEN_BUDGET).pooled[layer].double().cpu().numpy()
    if not np.isfinite(values).all():
        raise ScoringError(
            f"{model.name} has activations at layer {layer} that are not finite; use --dtype float32."
        )
    return values


def read_direction(source: str, row: int | None, width: int) -> Floats:
    """(H,) a unit vector from a .safetensors file with one tensor: (H,), or (n, H) or (H, n) of which one row is taken.

    Raises:
        ScoringError: It cannot be read, is of another width, or has no such row.
    """
    try:
        with safe_open(Path(source).expanduser(), "pt") as file:
            names = list(file.keys())
            name = next((one for one in ("direction", "W_dec", "decoder.weight") if one in names), names[0])
            tensor = file.get_tensor(name).double().numpy()
    except (SafetensorError, OSError, IndexError) as error:
        raise ScoringError(f"{source} is no .safetensors file that can be read: {error}.") from error
    if tensor.ndim == 2 and tensor.shape[1] != width and tensor.shape[0] == width:
        tensor = tensor.T
    if tensor.ndim not in (1, 2) or tensor.shape[-1] != width:
        raise ScoringError(
            f"{source} holds {name} of shape {tuple(tensor.shape)}, but the model's activations have {width} numbers."
        )
    if tensor.ndim == 2:
        row = 0 if row is None and len(tensor) == 1 else row
        if row is None or not 0 <= row < len(tensor):
            raise ScoringError(
                f"{source} holds {len(tensor):,} directions; choose one with --row, counted from 0."
            )
        tensor = tensor[row]
    return unit(np.asarray(tensor, dtype=np.float64), f"{source} holds no direction of a length above 0")


def _encode(model: LanguageModel, project: Project, prompt: str, text: str) -> Encoded:
    """A text without a prompt stands after an empty line, not after an empty question in the model's chat template."""
    template = project.template if prompt else "plain"
    one = encode(model.tokenizer, prompt, text, template=template)
    if len(one) > model.max_tokens:
        raise ModelError(
            f"A text of {len(one):,} tokens is more than the model's {model.max_tokens:,}; shorten or remove it."
        )
    return one
