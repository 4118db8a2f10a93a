"""Export: give me the file, say what is in it, and prove it."""

from datetime import datetime
from pathlib import Path

import streamlit as st

from curation.errors import CurationError
from curation.export.contents import contents_of
from curation.export.formats import CARRY_MASKS, FORMATS
from curation.export.rows import preview
from curation.export.verify import Verification, verify
from curation.export.write import export
from curation.selection.masks import masks_of
from curation.selection.recipes import Recipe
from curation.selection.select import Selection
from curation.ui.cached import tokens_by_trace
from curation.ui.decide import show_told, tell, telling
from curation.ui.format import moment, plural
from curation.ui.markup import escape
from curation.ui.push_form import push_form
from curation.ui.recipe_form import describe
from curation.ui.selected import recipe_of, selection_of
from curation.ui.session import Session, current_session
from curation.ui.sidebar import selection_summary


def choose(session: Session) -> tuple[str, Path]:
    """Format and destination."""
    left, right = st.columns([1, 2])
    suggested = session.project.defaults.export_format
    format = left.selectbox(
        "Format",
        FORMATS,
        FORMATS.index(suggested) if suggested in FORMATS else 0,
        key="export_format",
        persist_state="session",
    )
    ending = "parquet" if format == "parquet" else "jsonl"
    default = f"{session.selection_name}-{format}.{ending}"
    typed = right.text_input(
        "Destination",
        default,
        key=f"export_path_{default}",
        help="A path here is inside the project's folder exports/.",
    )
    return format, session.project.root / "exports" / Path(typed.strip() or default).expanduser()


def policy_of(session: Session, selection: Selection, format: str) -> str:
    """What to do with traces whose steps are vetoed, asked where the format cannot carry that."""
    masks = masks_of(session.catalogue, selection)
    if not masks:
        return "refuse"
    of_traces = plural(len(masks), "selected trace")
    if format in CARRY_MASKS:
        st.caption(f"Vetoed steps are in {of_traces}; this format says that they carry no loss.")
        return "refuse"
    left_out = st.checkbox(
        f"Leave out the traces with vetoed steps ({len(masks):,}), which this format cannot carry",
        key="drop_masked",
    )
    return "drop" if left_out else "refuse"


def contents(session: Session, selection: Selection, format: str, policy: str) -> None:
    st.markdown(f"**{escape(session.selection_name)}**: {escape(describe(selection.recipe))}")
    st.markdown(
        f"{selection_summary(selection, tokens_by_trace(session))}. A veto and a keep by hand beat the recipe."
    )
    for note in selection.notes:
        st.caption(escape(note))
    try:
        exported = contents_of(session.catalogue, selection, format, policy)
    except CurationError as error:
        st.warning(escape(str(error)))
        return
    st.markdown("**First three rows**")
    for row in preview(session.catalogue, exported, format):
        cut = row if len(row) <= 2_000 else f"{row[:2_000]} … ({len(row):,} characters)"
        st.code(cut, language=None, wrap_lines=True)


@telling
def _write(session: Session, format: str, path: Path, overwrite: bool, policy: str) -> None:
    with st.spinner("Writing"):
        manifest = export(
            session.project, session.selection_name, format, path, overwrite=overwrite, masked=policy
        )
    tell(
        f"Wrote {plural(manifest.rows, 'trace')} ({manifest.bytes:,} bytes) to {path}, with manifest and card."
    )
    st.session_state["verified"] = st.session_state["pushed"] = None


def written(session: Session) -> None:
    """Exports in the project's folder, newest first, each with its verify button."""
    manifests = sorted(
        (session.project.root / "exports").glob("*.manifest.json"),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    if not manifests:
        return
    st.subheader("Written so far", anchor=False)
    for path in manifests[:20]:
        name = path.name.removesuffix(".manifest.json")
        with st.container(horizontal=True, vertical_alignment="center"):
            when = moment(datetime.fromtimestamp(path.stat().st_mtime))
            st.markdown(
                f"`{name}` :gray[{when}]" if "`" not in name else f"{escape(name)} :gray[{when}]",
                width="stretch",
            )
            st.button("Verify", key=f"verify_{name}", on_click=_verify, args=(session, path.with_name(name)))
        found = st.session_state.get("verified")
        if found and found[0] == name:
            _result(found[1])
            with st.expander("Manifest"):
                st.code(path.read_text(encoding="utf-8", errors="replace"), language="json", wrap_lines=True)


def _verify(session: Session, path: Path) -> None:
    st.session_state["verified"] = (path.name, verify(path, session.project))


def _result(verification: Verification) -> None:
    if verification.ok:
        st.success(
            "Verified: the file, its inputs, the decisions and the selection are what the manifest says."
        )
    else:
        st.error("This export does not verify.")
    for check in verification.checks:
        st.markdown(f"{'✓' if check.ok else '✕'} **{escape(check.what)}** {escape(check.detail)}")


session = current_session()
st.title("Export", anchor=False)
recipe: Recipe | None = recipe_of(session)
if recipe is None:
    st.info("There is no selection to export yet; make one on the Select page.")
    st.page_link("pages/select.py", label="Select", icon=":material/tune:")
    st.stop()
format, path = choose(session)
selection = selection_of(session, recipe)
policy = policy_of(session, selection, format)
exists = path.exists()
with st.container(horizontal=True, vertical_alignment="center"):
    overwrite = st.checkbox("Replace the file that is there", key="overwrite") if exists else False
    st.button(
        "Write the file",
        key="write",
        type="primary",
        on_click=_write,
        args=(session, format, path, overwrite, policy),
        disabled=exists and not overwrite,
    )
show_told()
contents(session, selection, format, policy)
push_form(session, path)
written(session)
