"""Settings: what this project suggests to all who work on it."""

import streamlit as st

from curation.export.formats import FORMATS
from curation.store.project import Defaults, save_settings
from curation.ui.decide import show_told, tell, telling
from curation.ui.markup import escape
from curation.ui.session import Session, current_session, user_name

OWN = "own"
TEMPLATES = {"auto": "The model's own", "plain": "Plain", OWN: "Own text"}
MEANINGS = {
    "auto": "The model's chat template where it has one, else the prompt and a line break.",
    "plain": "The prompt and a line break, whatever the model.",
    OWN: "A text with {prompt} and, if wanted, {system}.",
}
LONGEST_NAME = 80


def reviewer(session: Session) -> None:
    st.text_input(
        "Reviewer",
        session.project.defaults.reviewer,
        key="default_reviewer",
        placeholder=user_name(),
        max_chars=LONGEST_NAME,
    )
    st.caption("Decisions carry this name in a tab where none is typed into the sidebar.")


def export_format(session: Session) -> None:
    suggested = session.project.defaults.export_format
    st.selectbox(
        "Export format",
        FORMATS,
        FORMATS.index(suggested) if suggested in FORMATS else 0,
        key="default_format",
    )
    st.caption("The Export page begins with it, and so does `curation export` without `--format`.")
    if suggested and suggested not in FORMATS:
        st.caption(f"The project asks for {escape(suggested[:40])}, which is no format here.")


def template(session: Session) -> None:
    now = session.project.template
    kind = st.segmented_control(
        "Prompt template",
        list(TEMPLATES),
        default=now if now in TEMPLATES else OWN,
        required=True,
        format_func=TEMPLATES.__getitem__,
        key="template_kind",
    )
    if kind == OWN:
        st.text_area(
            "Template",
            now if now not in TEMPLATES else "{prompt}\n",
            key="template_text",
            label_visibility="collapsed",
        )
    st.caption(escape(MEANINGS[kind or "auto"]))
    st.caption(
        "How a prompt becomes text for a model. Finished runs keep the template that they were made with; with another "
        "one, an unfinished run starts anew."
    )


@telling
def _save(session: Session) -> None:
    state = st.session_state
    kind = state["template_kind"]
    chosen = Defaults(state["default_reviewer"].strip(), state["default_format"])
    save_settings(session.project, template=state["template_text"] if kind == OWN else kind, defaults=chosen)
    tell("Saved in project.toml.")


session = current_session()
st.title("Settings", anchor=False)
st.caption("For everyone who works on this project; kept in its project.toml.")
with st.container(width=560, gap="medium"):
    for part in (reviewer, export_format, template):
        with st.container(gap="xsmall"):
            part(session)
    st.button("Save", key="save_settings", type="primary", on_click=_save, args=(session,))
    show_told()
