"""A contrast's influence is what its two completions say, apart."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from curation.models.load import load_model
from curation.scoring.score import score
from curation.store.kept_answers import Answer
from curation.store.project import create_project
from curation.store.queries import publish_queries
from curation.validation.contrast import contrast_queries
from curation.validation.problems import Problem
from tests.scoring.conftest import TRACES, ask_for, fill, values

PROBLEMS = [Problem(f"take {a} 1", f"{a} - 1 = {a - 1}", str(a - 1)) for a in range(2, 6)]


def wrong(problem: Problem) -> Answer:
    said = f"{problem.solution[:8]}{9 - int(problem.reference)}"
    return Answer(
        problem.problem_id, problem.prompt, "", problem.reference, said, 5, True, "", "", False, "m", "r"
    )


@pytest.mark.parametrize("tolerance", [0.0, 1e-4])
def test_its_influence_is_half_the_mean_of_right_less_wrong(
    tmp_path: Path, model_folder: Path, tolerance: float
) -> None:
    project = fill(create_project(tmp_path / "project"), TRACES, with_queries=False)
    tokenizer = load_model(str(model_folder), device="cpu").tokenizer
    queries = contrast_queries(PROBLEMS, [wrong(one) for one in PROBLEMS], tokenizer)
    assert len(queries) == 8
    assert queries[0].token_weights == (0.0,) * 4 + (1.0,) * 2
    apart = [
        replace(one, group=name, token_weights=tuple(map(abs, one.token_weights or ())))
        for one in queries
        for name in ["right" if one.is_correct else "wrong"]
    ]
    publish_queries(project, [*queries, *apart], source="here")
    found = values(project, score(project, ask_for(model_folder, tolerance=tolerance)).run_id)

    def column(group: str) -> np.ndarray:
        return np.array([found[f"influence/{group}", trace.trace_id] for trace in TRACES])

    expected = (column("right") - column("wrong")) / 2
    size = np.abs(expected).max()
    np.testing.assert_allclose(column("contrast"), expected, rtol=1e-6, atol=max(1e-6, 10 * tolerance) * size)
    assert size > 0
