"""Export under AppTest."""

import json
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from curation.export.formats import FORMATS
from curation.export.verify import verify
from curation.selection.recipes import Recipe
from curation.selection.saved import save_selection
from curation.store.project import Project
from tests.app.looking import words
from tests.hub import TOKEN, running_hub, without_token

Open = Callable[..., AppTest]


@pytest.fixture
def selected(project: Project) -> Project:
    save_selection(project, "half", Recipe("influence", keep=0.5, group="gold"))
    return project


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_previewed_is_written_and_verifies(open_app: Open, selected: Project, format: str) -> None:
    app = open_app(selected.root, "export")
    app.selectbox(key="export_format").set_value(format).run()
    preview = [json.loads(code.value) for code in app.code]
    assert len(preview) == 3
    app.button(key="write").click().run()
    assert not app.error
    assert "Wrote 30 traces" in words(app)
    ending = "parquet" if format == "parquet" else "jsonl"
    path = selected.root / "exports" / f"half-{format}.{ending}"
    assert verify(path).ok
    if format != "parquet":
        lines = path.read_text(encoding="utf-8").splitlines()
        assert [json.loads(line) for line in lines[:3]] == preview
        assert len(lines) == 30
    app.button(key=f"verify_half-{format}.{ending}").click().run()
    assert "Verified" in app.success[0].value


def test_a_changed_file_does_not_verify(open_app: Open, selected: Project) -> None:
    app = open_app(selected.root, "export")
    app.button(key="write").click().run()
    path = selected.root / "exports" / "half-messages.jsonl"
    path.write_bytes(path.read_bytes() + b"\n")
    app.button(key="verify_half-messages.jsonl").click().run()
    assert "does not verify" in app.error[0].value
    assert "✕ **file**" in words(app)


def test_a_file_that_is_there_is_replaced_only_when_asked(open_app: Open, selected: Project) -> None:
    app = open_app(selected.root, "export")
    app.button(key="write").click().run()
    assert app.button(key="write").disabled
    app.checkbox(key="overwrite").check().run()
    app.button(key="write").click().run()
    assert "Wrote 30 traces" in words(app)


def test_a_destination_of_ones_own(open_app: Open, selected: Project) -> None:
    app = open_app(selected.root, "export")
    app.text_input(key="export_path_half-messages.jsonl").set_value("mine/of my own.jsonl").run()
    app.button(key="write").click().run()
    assert (selected.root / "exports" / "mine" / "of my own.jsonl").exists()


def test_a_damaged_selection_is_a_sentence(open_app: Open, selected: Project) -> None:
    (selected.root / "selections" / "half.toml").write_text("recipe = ")
    app = open_app(selected.root, "export")
    assert "half.toml" in app.error[0].value.replace("\\", "")


def test_a_written_file_is_pushed_by_its_own_button(
    open_app: Open, selected: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_hub(monkeypatch) as hub:
        app = open_app(selected.root, "export")
        assert "push" not in {button.key for button in app.button}
        app.button(key="write").click().run()
        assert not hub.requests
        assert app.checkbox(key="push_private").value
        app.text_input(key="push_repo").set_value("me/half").run()
        assert f"to {hub.address}/datasets/me/half, private" in words(app).replace("`", "")
        app.button(key="push").click().run()
        assert "Pushed 30 traces" in app.success[0].value
        assert hub.private == {"me/half": True}
        path = selected.root / "exports" / "half-messages.jsonl"
        assert hub.files["me/half"][path.name] == path.read_bytes()
        app.checkbox(key="push_private").uncheck()
        app.button(key="push").click().run()
        assert "is private, not public" in words(app)
        assert "everyone can read every trace" in words(app)
        assert TOKEN not in words(app)


def test_a_push_waits_for_a_token_and_a_name(
    open_app: Open, selected: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_hub(monkeypatch) as hub:
        without_token(monkeypatch)
        app = open_app(selected.root, "export")
        app.button(key="write").click().run()
        assert app.button(key="push").disabled
        assert "There is no token for the hub; set HF_TOKEN" in words(app)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        app.run()
        app.button(key="push").click().run()
        assert "use OWNER/NAME" in words(app)
        assert not hub.requests
