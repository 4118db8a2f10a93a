"""What a test sees of a page."""

import json
from typing import Any

from streamlit.testing.v1 import AppTest


def components(app: AppTest) -> list[dict[str, Any]]:
    """The data of each of the app's own components on the page, in order."""
    found = []
    for element in app.get("bidi_component"):
        proto = element.proto
        found.append({"name": proto.component_name, **json.loads(proto.json)})
    return found


def lists(app: AppTest) -> list[dict[str, Any]]:
    return [data for data in components(app) if data["name"] == "curation_trace_list"]


def step_views(app: AppTest) -> list[dict[str, Any]]:
    return [data for data in components(app) if data["name"] == "curation_step_view"]


def words(app: AppTest) -> str:
    """All text on the page that is not in a component, without what only guards it from Markdown."""
    elements = [*app.markdown, *app.caption, *app.info, *app.error, *app.warning, *app.success, *app.title]
    elements += [*app.subheader, *app.code]
    return "\n".join(str(element.value) for element in elements).replace("\u2060", "").replace("\\", "")


def key_now(app: AppTest, name: str) -> str:
    """The key that a widget of this name has by now (`ui.mirror`)."""
    turn = app.session_state["widget_turns"].get(name, 0)
    return f"{name}-{turn}" if turn else name
