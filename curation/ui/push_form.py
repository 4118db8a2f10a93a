"""The form that pushes an export to the hub: where to, what goes there in words, and a button of its own."""

from pathlib import Path

import streamlit as st

from curation.errors import CurationError
from curation.export.manifest import manifest_path
from curation.export.push import CARD, dataset_url, hub_token, push
from curation.ui.format import plural
from curation.ui.markup import sentence
from curation.ui.session import Session


def push_form(session: Session, path: Path) -> None:
    """Offer the export at a path, if there is one."""
    if not path.is_file() or not manifest_path(path).is_file():
        return
    st.subheader("Push to the hub", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Dataset", key="push_repo", placeholder="OWNER/NAME", persist_state="session")
        st.checkbox("Private", value=True, key="push_private")
        problem = _token_problem()
        st.button("Push to the hub", key="push", on_click=_push, args=(session, path), disabled=bool(problem))
    if problem:
        st.caption(sentence(problem))
    repo, private = _asked()
    st.caption(sentence(_in_words(path, repo or "OWNER/NAME", private)))
    _result(path)


def _asked() -> tuple[str, bool]:
    """What the widgets hold now; an argument of the button would be what they held when it was drawn."""
    return st.session_state["push_repo"].strip(), st.session_state["push_private"]


def _token_problem() -> str:
    try:
        hub_token()
    except CurationError as error:
        return str(error)
    return ""


def _in_words(path: Path, repo: str, private: bool) -> str:
    seen = (
        "private: only its owner, a user or an organisation, sees it"
        if private
        else "public: everyone can read every trace in it"
    )
    return (
        f"Verifies {path.name} ({path.stat().st_size:,} bytes), then sends it with its manifest and its card (as {CARD}) "
        f"to `{dataset_url(repo)}`, {seen}."
    )


def _push(session: Session, path: Path) -> None:
    repo, private = _asked()
    try:
        with st.spinner("Pushing"):
            done = push(path, repo, private=private, project=session.project)
    except CurationError as error:
        st.session_state["pushed"] = (path, False, str(error))
        return
    st.session_state["pushed"] = (path, True, f"Pushed {plural(done.rows, 'trace')} to `{done.url}`.")


def _result(path: Path) -> None:
    """What became of the last push of this file."""
    pushed_path, ok, said = st.session_state.get("pushed") or (None, False, "")
    if pushed_path == path:
        (st.success if ok else st.error)(sentence(said))
