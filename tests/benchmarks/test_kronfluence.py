"""Our exact influence is kronfluence's, on the same tokens (`make peers-test` installs it beside our environment)."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from curation.models.encode import Encoded, encode
from curation.models.load import load_tokenizer
from curation.scoring.score import score
from curation.store.project import create_project
from curation.traces.trace import Trace
from tests.scoring.conftest import WORDS, fill, queries, values
from tests.scoring.conftest import ask_for as ask_exactly
from tests.tiny import save_tiny

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-peers/bin/python"
NAMES = {"gold": "correct", "incorrect": "incorrect"}
TRACES = [
    Trace(f"add {a} {b}", f"{a} + {b}\nso the answer is\n{(a + b) % 9}" + f" so take {c}" * (c % 3))
    for a in range(1, 6)
    for b in range(2, 6)
    for c in range(1, 4)
]


def as_row(one: Encoded) -> dict[str, object]:
    return {"ids": list(one.ids), "prompt_length": one.prompt_length}


@pytest.mark.peers
def test_scores_with_the_datasets_own_labels_agree(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "tiny", "llama", WORDS)
    project = fill(create_project(tmp_path / "project"), TRACES)
    tokenizer = load_tokenizer(str(folder))
    tokens = {
        "traces": [as_row(encode(tokenizer, t.prompt, t.response)) for t in TRACES],
        "groups": {
            theirs: [as_row(encode(tokenizer, q.prompt, q.completion)) for q in queries() if q.group == ours]
            for ours, theirs in NAMES.items()
        },
    }
    (tmp_path / "tokens.json").write_text(json.dumps(tokens))
    command = [str(PYTHON), "-m", "benchmarks.peers.kronfluence_run", "--labels", "data"]
    command += [
        "--model",
        str(folder),
        "--tokens",
        str(tmp_path / "tokens.json"),
        "--out",
        str(tmp_path / "out"),
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=600)
    theirs = np.load(tmp_path / "out/scores.npz")
    ask = ask_exactly(
        folder,
        dtype="float32",
        labels="data",
        factor_traces=len(TRACES),
        covariance_traces=len(TRACES),
        stability=1.0,
        steps="none",
    )
    found = values(project, score(project, ask).run_id)
    for group, name in NAMES.items():
        ours = np.array([found[f"influence/{group}", t.trace_id] for t in TRACES])
        assert spearmanr(ours, theirs[name]).statistic > 0.999
        np.testing.assert_allclose(ours, theirs[name], rtol=0.01, atol=0.01 * np.abs(ours).max())
