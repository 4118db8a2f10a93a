"""Where memory runs out the run goes on with smaller batches, and says the same."""

from pathlib import Path

import numpy as np
import pytest
import torch

from curation.errors import ScoringError
from curation.scoring import fused
from curation.scoring.memory import available, free_of_group, is_out_of_memory, within_memory
from curation.scoring.score import score
from curation.store.project import Project, create_project
from tests.scoring.conftest import TRACES, ask_for, fill, values


def test_the_budget_is_halved_until_it_fits() -> None:
    tried = []

    def compute(budget: int) -> int:
        tried.append(budget)
        if budget > 300:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return budget

    assert within_memory(compute, 2000) == 250
    assert tried == [2000, 1000, 500, 250]


def test_a_batch_that_never_fits_is_one_sentence() -> None:
    def compute(budget: int) -> int:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory")

    with pytest.raises(ScoringError, match="smallest batch"):
        within_memory(compute, 4096)


def test_other_errors_are_not_taken_for_it() -> None:
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes"):
        within_memory(lambda _: torch.ones(2, 3) @ torch.ones(2, 3), 4096)


def test_a_real_allocation_that_is_too_large_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


def test_there_is_some_memory() -> None:
    assert 2**20 < available(torch.device("cpu")) < 2**50


def test_a_containers_limit_counts_and_cached_files_do_not(tmp_path: Path) -> None:
    assert free_of_group(tmp_path) is None
    (tmp_path / "memory.max").write_text("8000\n")
    (tmp_path / "memory.current").write_text("5000\n")
    (tmp_path / "memory.stat").write_text("anon 2000\ninactive_file 2500\n")
    assert free_of_group(tmp_path) == 5500
    (tmp_path / "memory.max").write_text("max\n")
    assert free_of_group(tmp_path) is None


def test_a_run_that_runs_out_of_memory_ends_with_the_same_scores(
    tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every batch of more than 80 tokens fails, in each stage, in the middle of its backward pass."""
    plenty = fill(create_project(tmp_path / "plenty"), TRACES)
    scarce = fill(create_project(tmp_path / "scarce"), TRACES)
    expected = values(plenty, score(plenty, ask_for(model_folder, token_budget=512)).run_id)
    run = fused.fused_pass
    failed = []

    def short_of_memory(model, batch, collectors, modules=(), **rest):  # type: ignore[no-untyped-def]
        seen = run(model, batch, collectors, modules, **rest)  # what it collected must not count
        if batch.tokens > 80:
            failed.append(batch.tokens)
            raise torch.OutOfMemoryError("out of memory")
        return seen

    for name in (
        "curation.scoring.shards",
        "curation.scoring.influence.fit",
        "curation.scoring.influence.build",
    ):
        monkeypatch.setattr(f"{name}.fused_pass", short_of_memory)
    found = values(scarce, score(scarce, ask_for(model_folder, token_budget=512)).run_id)
    assert len(failed) >= 4
    assert found.keys() == expected.keys()
    for name in {name for name, _ in expected}:
        ours = np.array([found[key] for key in sorted(found) if key[0] == name])
        theirs = np.array([expected[key] for key in sorted(found) if key[0] == name])
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6 * np.abs(theirs).max(), err_msg=name)


def test_layers_that_do_not_fit_together_are_worked_on_in_groups(
    project: Project, tmp_path: Path, model_folder: Path
) -> None:
    whole = fill(create_project(tmp_path / "whole"), TRACES)
    expected = values(whole, score(whole, ask_for(model_folder)).run_id)
    # So little that each set of layers with one input is a group of its own.
    run = score(project, ask_for(model_folder, memory_gb=1e-6, token_budget=512))
    assert len(list((project.root / "factors").glob("*/layers-*.safetensors"))) == 8
    found = values(project, run.run_id)
    for name in {name for name, _ in expected}:
        ours = np.array([found[key] for key in sorted(found) if key[0] == name])
        theirs = np.array([expected[key] for key in sorted(found) if key[0] == name])
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6 * np.abs(theirs).max(), err_msg=name)
