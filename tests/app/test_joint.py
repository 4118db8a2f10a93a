"""Recipes over several scores under AppTest."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from curation.selection.boundary import boundaries
from curation.selection.recipes import Recipe
from curation.selection.saved import load_recipe, save_selection
from curation.selection.select import select
from curation.store.catalogue import open_catalogue
from curation.store.project import Project
from tests.app.looking import words
from tests.app.project import build_project

Open = Callable[..., AppTest]


@pytest.fixture
def further(tmp_path: Path) -> Project:
    """The project with scores that are asked for by name."""
    random = np.random.default_rng(4)
    margin = random.normal(size=60)
    margin[::2] = np.nan
    more = {"lossdiff/gold": random.normal(size=60), "irm/gold": margin}
    more["difficulty"] = random.integers(0, 5, 60) / 4
    more["difficulty"][:10] = np.nan
    return build_project(tmp_path / "further", more=more)


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def lines(app: AppTest) -> dict[str, list[float]]:
    specs: list[dict[str, Any]] = [json.loads(one.proto.spec) for one in app.get("plotly_chart")]
    return {
        spec["layout"]["xaxis"]["title"]["text"]: [shape["x0"] for shape in spec["layout"].get("shapes", [])]
        for spec in specs
    }


def test_medium_draws_its_bands(open_app: Open, further: Project) -> None:
    app = open_app(further.root, "select")
    app.selectbox(key="recipe").set_value("medium").run()
    assert not app.error
    assert not app.exception
    assert (figures(app)["Kept"], figures(app)["Pruned"]) == ("30", "30")
    made = select(open_catalogue(further), Recipe("medium:gold", keep=0.5))
    expected = boundaries(made.recipe, made.pool, made.choice)
    drawn = lines(app)
    assert list(drawn) == ["influence/gold", "lossdiff/gold", "irm/gold"]
    assert drawn["lossdiff/gold"] == pytest.approx(
        [expected["lossdiff/gold"].low, expected["lossdiff/gold"].high]
    )
    assert "inside the band of every score" in words(app)


def test_difficult_and_long(open_app: Open, further: Project) -> None:
    app = open_app(further.root, "select")
    app.selectbox(key="recipe").set_value("select2reason").run()
    assert not app.error
    assert figures(app)["Kept"] == "30"
    assert "10 not scored" in " ".join(str(metric.delta) for metric in app.metric) + words(app)
    assert all(not one for one in lines(app).values())
    assert "mean of a trace's ranks" in words(app)


def test_ranks_are_chosen_and_saved(open_app: Open, further: Project) -> None:
    app = open_app(further.root, "select")
    app.selectbox(key="recipe").set_value("rank-average").run()
    assert not app.error
    assert figures(app)["Kept"] == "30"
    app.multiselect(key="recipe_ranks").set_value(["influence/gold", "-perplexity", "-tokens"]).run()
    assert figures(app)["Kept"] == "30"
    app.multiselect(key="recipe_ranks").set_value([]).run()
    assert not app.error
    app.selectbox(key="recipe").set_value("mid").run()
    assert figures(app)["Kept"] == "30"
    assert [len(one) for one in lines(app).values()] == [2]


def test_browse_and_plane_know_them(open_app: Open, further: Project) -> None:
    recipe = Recipe("medium:gold", keep=0.5)
    save_selection(further, "mine", recipe)
    assert load_recipe(further, "mine") == recipe
    app = open_app(further.root, "browse")
    assert "medium is #" in words(app)
    app = open_app(further.root, "plane")
    assert not app.exception
    assert not app.error
    assert not open_app(further.root, "review").exception
    app = open_app(further.root, "browse")
    offered = {name for one in app.selectbox for name in one.options}
    assert {"lossdiff/gold", "irm/gold", "difficulty"} <= offered
