"""The same traces, queries and tokens for every engine: a project for ours, `tokens.json` for the others."""

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from curation.models.encode import encode
from curation.models.load import load_tokenizer

TEMPLATE = "plain"
SOLVER = "175b_verification"  # whose solutions to the test problems are the query groups


@dataclass(frozen=True)
class Inputs:
    """Files that one comparison runs on.

    Attributes:
        folder: Where they are.
        traces: traces.jsonl, with question and answer.
        queries: queries.jsonl, with prompt, completion and is_correct.
        tokens: tokens.json: the same, tokenised as `curation score` does.
    """

    folder: Path

    @property
    def traces(self) -> Path:
        """Rows for `curation ingest`."""
        return self.folder / "traces.jsonl"

    @property
    def queries(self) -> Path:
        """Rows for `curation queries`."""
        return self.folder / "queries.jsonl"

    @property
    def tokens(self) -> Path:
        """What the compared engines read."""
        return self.folder / "tokens.json"


def write_inputs(folder: Path, model: Path, data: Path, *, traces: int, queries: int) -> Inputs:
    """Take the first traces of GSM8K's train.jsonl, and as many right as wrong solutions of its test problems.

    Args:
        folder: Made if it is not there.
        model: Whose tokenizer it is.
        data: Folder with train.jsonl and example_model_solutions.jsonl.
        traces: How many traces.
        queries: How many queries a group.
    """
    folder.mkdir(parents=True, exist_ok=True)
    inputs = Inputs(folder)
    rows = [
        {"prompt": row["question"], "completion": row["answer"]}
        for row in islice(map(json.loads, (data / "train.jsonl").open()), traces)
    ]
    groups: dict[str, list[dict[str, str]]] = {"correct": [], "incorrect": []}
    for row in map(json.loads, (data / "example_model_solutions.jsonl").open()):
        said = row[SOLVER]
        group = groups["correct" if said["is_correct"] else "incorrect"]
        if len(group) < queries:
            group.append({"prompt": row["question"], "completion": said["solution"]})
    inputs.traces.write_text("".join(json.dumps(row) + "\n" for row in rows))
    labelled = [row | {"is_correct": name == "correct"} for name, group in groups.items() for row in group]
    inputs.queries.write_text("".join(json.dumps(row) + "\n" for row in labelled))
    tokenizer = load_tokenizer(str(model))

    def tokenise(row: dict[str, str]) -> dict[str, object]:
        one = encode(tokenizer, row["prompt"].strip(), row["completion"].strip(), template=TEMPLATE)
        return {"ids": list(one.ids), "prompt_length": one.prompt_length}

    tokens = {
        "traces": [tokenise(row) for row in rows],
        "groups": {name: [tokenise(row) for row in group] for name, group in groups.items()},
    }
    inputs.tokens.write_text(json.dumps(tokens))
    return inputs
