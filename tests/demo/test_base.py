import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from curation.demo.answers import accuracy, greedy_answers
from curation.demo.make_base import BASE, make_base
from curation.demo.pool import make_pool
from curation.demo.tokenizer import make_tokenizer
from curation.models.load import load_model


def test_the_shipped_base_is_small_and_is_the_one_that_the_script_makes() -> None:
    model = load_model(str(BASE))
    assert sum(p.numel() for p in model.module.parameters()) < 100_000
    assert sum(path.stat().st_size for path in BASE.iterdir()) < 500_000
    shipped = json.loads((BASE / "tokenizer.json").read_text())
    assert shipped["model"]["vocab"] == make_tokenizer().get_vocab()


def test_the_shipped_base_has_something_left_to_learn() -> None:
    answers = greedy_answers(BASE, make_pool(0).test)
    assert 0.1 < accuracy(answers) < 0.35


def test_making_the_base_is_deterministic_and_writes_a_whole_model(tmp_path: Path) -> None:
    make_base(tmp_path / "one", steps=2)
    make_base(tmp_path / "two", steps=2)
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert all((one[name] == two[name]).all() for name in one)
    assert one.keys() == load_file(BASE / "model.safetensors").keys()
    assert load_model(str(tmp_path / "one")).tokenizer.eos_token == "<eos>"


def test_a_base_of_another_depth_differs_in_its_depth_alone(tmp_path: Path) -> None:
    shipped = json.loads((BASE / "config.json").read_text())
    make_base(tmp_path / "plain", steps=1)
    assert json.loads((tmp_path / "plain" / "config.json").read_text()) == shipped
    make_base(tmp_path / "deep", steps=1, layers=4)
    deep = json.loads((tmp_path / "deep" / "config.json").read_text())
    differs = {name for name in deep.keys() | shipped.keys() if deep.get(name) != shipped.get(name)}
    assert differs == {"num_hidden_layers"}
    assert sum("q_proj" in name for name in load_file(tmp_path / "deep" / "model.safetensors")) == 4


@pytest.mark.parametrize("completion", ["The answer is 7.", "First, 4 + 3 = 7.\nThe answer is 7."])
def test_grading_reads_the_last_line(completion: str) -> None:
    from curation.demo.answers import grade
    from curation.demo.problems import Move, Problem

    problem = Problem("Ada", "pens", 4, (Move("finds", 3),))
    assert grade(problem, completion)
    assert not grade(problem, completion.replace("is 7", "is 8"))
    assert not grade(problem, completion + "\nThe answer is")
