"""The page on which a curator asks whether training on the choice makes a better model."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from curation.demo.proved import proved
from curation.store.project import Project
from curation.ui.charts import palette
from curation.ui.proof_figure import difference_figure
from curation.validation.compare import Difference, Minus, Row
from curation.validation.equal_tokens import RANDOM_BY_TOKENS
from curation.validation.lds import Lds
from curation.validation.lds_report import LdsReport, LdsRow, keep_report
from curation.validation.trial import Trial
from tests.app.looking import words
from tests.app.project import HOSTILE, RUN_ID
from tests.app.test_start import SLOW

Open = Callable[..., AppTest]
INFLUENCE = "influence:gold"
APP = Path(__file__).parents[2] / "app.py"


def keep_trial(
    project: Project, trial: Trial, model: str = "base", completions: tuple[str, ...] = ()
) -> None:
    """A training's file, as `validate` leaves it; every second answer is right."""
    folder = project.root / "validation"
    folder.mkdir(exist_ok=True)
    answers = [
        {
            "problem_id": f"p{number}",
            "prompt": f"{text} asked",
            "completion": text,
            "reference": "7",
            "is_correct": number % 2 == 0,
        }
        for number, text in enumerate(completions or ("The answer is 7", "The answer is 8"))
    ]
    kept = {
        "trial": asdict(trial),
        "recipe": {"recipe": trial.name, "count": trial.traces},
        "model": model,
        "revision": model,
        "lora": False,
        "settings": {"seed": trial.seed, "epochs": 2, "learning_rate": 1e-3},
        "asking": {"max_new_tokens": 40},
        "problems": [one["problem_id"] for one in answers],
        "answers": answers,
    }
    name = re.sub(r"[^\w.-]", "-", f"{trial.name}-{trial.seed}-{trial.keep}-{model}")
    (folder / f"{name}.json").write_text(json.dumps(kept))


def keep_comparison(project: Project, model: str = "base", completions: tuple[str, ...] = ()) -> None:
    """Three seeds at two shares; the recipe is better than random, and at half with more tokens."""
    for keep, traces in ((0.8, 48), (0.5, 30)):
        for seed in range(3):
            noise = seed / 100
            trials = [
                Trial("random", seed, traces, 8, -1.0 - noise, 0.30, 2, keep, 1_000, 60.0),
                Trial(INFLUENCE, seed, traces, 8, -0.9 - noise * 1.1, 0.40 + noise, 2, keep, 1_500, 75.0),
            ]
            if keep == 0.5:
                trials.append(Trial(RANDOM_BY_TOKENS, seed, 45, 8, -0.95 - noise, 0.35, 2, keep, 1_490, 70.0))
            for one in trials:
                keep_trial(project, one, model, completions)


def test_without_any_it_says_the_command(open_app: Open, project: Project) -> None:
    said = words(open_app(project.root, "proof"))
    assert "Nothing was trained to compare yet" in said
    assert f"curation validate {project.root} --model MODEL --recipes influence-consensus,mid-ppl" in said


def test_a_comparison_is_a_table_a_figure_and_its_trainings(open_app: Open, project: Project) -> None:
    keep_comparison(project)
    keep_comparison(project, model="other")
    app = open_app(project.root, "proof")
    assert not app.exception
    said = words(app)
    assert (
        "| influence:gold | 80% | 48 | 1,500 | 41.0% | +0.110 ± 0.025 | — | −0.911 | +0.0990 ± 0.0025 |"
        in said
    )
    assert "| influence:gold | 50% | 30 | 1,500 | 41.0% | +0.110 ± 0.025 | +0.060 ± 0.025 | −0.911" in said
    assert "| random | 50% | 30 | 1,000 | 30.0% | — | — | −1.01 | — | — |" in said
    assert "8 optimiser steps each, 3 seeds, 2 held-out problems" in said
    assert RANDOM_BY_TOKENS not in said
    assert len(app.get("plotly_chart")) == 2
    assert len(app.dataframe) == 2
    shown = app.dataframe[0].value
    assert len(shown) == 15
    assert shown["recipe"].tolist().count(RANDOM_BY_TOKENS) == 3
    assert set(shown["time"]) == {"1 min 0 s", "1 min 15 s", "1 min 10 s"}


def test_the_answers_of_a_training_can_be_read(open_app: Open, project: Project) -> None:
    keep_comparison(project)
    keep_trial(
        project,
        Trial(INFLUENCE, 2, 30, 8, -0.922, 0.42, 2, 0.5, 1_500),
        completions=("It is 7", "It is 9"),
    )
    app = open_app(project.root, "proof")
    assert "The answer is 7" in words(app)
    (training,) = [one for one in app.selectbox if one.key.startswith("proof_training")]
    (place,) = [n for n, label in enumerate(training.options) if "50%, seed 2" in label and "gold" in label]
    said = words(training.select_index(place).run())
    assert "It is 7 asked" in said
    assert ":blue[✓ Right]" in said
    assert ":orange[✕ Wrong]" in said
    assert "The right answer is 7" in said


def test_many_answers_come_in_pages(open_app: Open, project: Project) -> None:
    keep_comparison(project, completions=tuple(f"Answer number {number}." for number in range(45)))
    app = open_app(project.root, "proof")
    assert "Answer number 19." in words(app)
    assert "Answer number 20." not in words(app)
    app.number_input[0].set_value(3).run()
    assert "Answer number 44." in words(app)
    assert "45 answers of 45." in words(app)


def test_hostile_answers_are_text(open_app: Open, project: Project) -> None:
    keep_comparison(project, completions=HOSTILE)
    app = open_app(project.root, "proof")
    assert not app.exception
    raw = "\n".join(str(one.value) for one in app.markdown)
    for harmful in ("<script", "![pixel](", ":red[not", "](javascript:", "```mermaid"):
        assert harmful not in raw
    assert "<script>window.hacked = 1</script>" in words(app)


def test_damaged_files_are_left_out(open_app: Open, project: Project) -> None:
    keep_comparison(project)
    (project.root / "validation" / "cut.json").write_text('{"trial": {')
    (project.root / "validation" / "list.json").write_text("[]")
    (project.root / "validation" / "progress.json").write_text('{"stage": "x"}')
    app = open_app(project.root, "proof")
    assert len(app.get("plotly_chart")) == 1


def test_lds_of_the_chosen_run_is_a_table(open_app: Open, project: Project) -> None:
    rows = (LdsRow("influence/gold", "gold", Lds(0.31, 0.2, 0.4, 0.25, 40)),)
    assert rows[0].lds.parts == 40
    keep_report(project, LdsReport(RUN_ID, rows, {"gold": 0.8}))
    said = words(open_app(project.root, "proof"))
    assert "| influence/gold | gold | +0.31 |" in said
    assert "+0.80 |" in said
    assert "Over 40 random parts" in said


def test_the_figure_says_what_is_better_worse_and_not_told_apart() -> None:
    def row(name: str, mean: float, reach: float, keep: float = 0.5) -> Row:
        found = Difference(mean, mean - reach, mean + reach, 3)
        equal = Minus(found, None) if name == "good" else None
        return Row(name, keep, 30, 9, 8, -1.0, found, None, None, equal)

    random = Row("random", 0.5, 30, 9, 8, -1.0, None, None, None, None)
    alone = Row("<b>one</b>", 0.5, 30, 9, 8, -1.0, Difference(0.2, None, None, 1), None, None, None)
    figure = difference_figure(
        [random, row("good", 0.2, 0.1), row("bad", -0.2, 0.1), row("unclear", 0.1, 0.2), alone]
    )
    dots, equal = figure.data
    colors = palette()
    assert list(dots.marker.color) == [colors.helpful, colors.harmful, colors.neutral, colors.neutral]
    assert list(dots.error_x.array) == pytest.approx([0.1, 0.1, 0.2, 0.0])
    assert list(dots.x) == [0.2, -0.2, 0.1, 0.2]
    assert list(equal.x) == [0.2]
    assert equal.marker.symbol == "circle-open"
    assert list(figure.layout.yaxis.ticktext)[-1] == "&lt;b&gt;one&lt;/b&gt;, 50%"
    assert [line.x0 for line in figure.layout.shapes] == [0]


@pytest.mark.parametrize("filled", [False, True])
def test_it_opens_without_what_only_computing_needs(project: Project, filled: bool) -> None:
    if filled:
        keep_comparison(project)
    code = f"""
import json, sys
import streamlit.runtime.scriptrunner.script_runner as runner
from tests.app.conftest import run_main_script
from streamlit.testing.v1 import AppTest
runner._mpa_v1 = run_main_script
sys.argv = ["app.py", {str(project.root)!r}]
app = AppTest.from_file({str(APP)!r}, default_timeout=60).switch_page("pages/proof.py").run()
assert not app.exception
assert app.title[0].value == "Proof"
print(json.dumps([one for one in {SLOW} if one in sys.modules]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=APP.parent
    )
    assert json.loads(done.stdout.splitlines()[-1]) == (["scipy"] if filled else [])


def test_the_demo_s_own_proof_has_a_line_for_every_recipe() -> None:
    def show() -> None:
        from curation.demo.proved import proved
        from curation.ui.proved import proved_table

        proved_table(proved())

    app = AppTest.from_function(show).run()
    assert not app.exception
    found = proved()
    said, lines = app.markdown[0].value, app.markdown[1].value.splitlines()
    assert said.startswith(f"On {found.pools} other pools of this kind")
    assert len(lines) == 2 + len(found.recipes)
    assert len({line.count(" | ") for line in lines if line[1] != ":"}) == 1
    assert {"oracle", "random", found.default} <= {one.name for one in found.recipes}
