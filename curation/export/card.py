"""The dataset card beside an export: what it is, how it was chosen, how to make it again."""

import glob
import json
from pathlib import Path

import tomli_w

from curation.export.formats import COLUMNS
from curation.export.manifest import Manifest
from curation.selection.recipes import RECIPES
from curation.selection.select import Selection

_FIELDS = {
    "messages": "`messages`: a list of turns with `role` and `content`",
    "prompt-completion": "`prompt`, `completion`, and `system` where there is one",
    "sharegpt": "`conversations`: a list of turns with `from` and `value`",
    "segments": "`segments`: a list of pieces with `text` and `label`, which says whether a piece carries loss (axolotl's "
    "`input_output`; add your model's template)",
    "spans": "`prompt`, `completion`, `system` where there is one, and `loss_mask`: start and stop, in characters of the "
    "completion, of what carries no loss",
    "alpaca": "`instruction`, `input` (empty), `output`, and `system` where there is one",
    "parquet": ", ".join(f"`{name}`" for name in COLUMNS),
}


def card_path(path: Path) -> Path:
    """Where the card of an export lies."""
    return path.with_name(path.name + ".card.md")


def card(manifest: Manifest, selection: Selection) -> str:
    """The card as Markdown; no text of a trace is in it."""
    counts = selection.counts
    share = 100 * counts.kept / max(counts.traces, 1)
    run = f"Its scores come from run {_code(manifest.runs[0])}. " if manifest.runs else ""
    number = manifest.decision_number
    decided = (
        f"Decisions by hand, up to number {number}, beat it." if number else "Nothing was decided by hand."
    )
    return f"""---
license: unknown
configs:
- config_name: default
  data_files: {_pattern(manifest.file)}
---

# {_code(manifest.file)}

{manifest.rows:,} chain-of-thought traces in the order of ingest, as {manifest.format}.
Each holds {_FIELDS[manifest.format]}.
{_masks(manifest)}

## How they were chosen

Selection {_code(manifest.selection)} keeps {RECIPES[selection.recipe.name]}. {run}The recipe in full:

{_block(tomli_w.dumps(manifest.recipe))}

{decided}

| traces | number |
|---|---|
| in the project | {counts.traces:,} |
| in this file | {counts.kept:,} ({share:.1f}%) |
| pruned by the recipe | {counts.pruned:,} |
| vetoed by hand | {counts.vetoed_by_hand:,} |
| kept by hand | {counts.kept_by_hand:,} |
| decided against the recipe | {counts.conflicts:,} |
| not scored | {counts.not_scored:,} |
{"".join(f"{chr(10)}- {_code(note)}" for note in selection.notes)}

## How to make it again

The manifest beside this file, {_code(manifest.file + ".manifest.json")}, names every input by its hash.
`curation verify` on the file derives it again from the project and compares.

    SHA-256 {manifest.sha256}, {manifest.bytes:,} bytes

## Licence

Unknown to the program that wrote this: it is the licence of the sources.
State it here before you pass the file on.
"""


def _masks(manifest: Manifest) -> str:
    """What became of vetoed steps."""
    if manifest.masked_traces:
        column = ", in the column `loss_mask`" if manifest.format == "parquet" else ""
        return f"In {manifest.masked_traces:,} of them vetoed steps are marked to carry no loss{column}."
    if manifest.dropped_traces:
        return f"Selected traces with vetoed steps, which this format cannot carry, were left out: {manifest.dropped_traces:,}."
    return ""


def _pattern(file: str) -> str:
    """What `load_dataset` reads: the export alone, not the manifest beside it. JSON of a text is YAML of it."""
    return json.dumps(glob.escape(file), ensure_ascii=False)


def _block(text: str) -> str:
    """A text of several lines as a code block; indented, since no text can end it."""
    return "\n".join(f"    {line}" for line in text.splitlines())


def _code(text: str) -> str:
    """A text from the project as inline code, which renders as it stands."""
    return f"`{' '.join(text.replace('`', chr(39)).split())}`"
