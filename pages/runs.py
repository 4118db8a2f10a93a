"""Runs: what was computed, what is running?"""

import signal

import streamlit as st

from curation.scoring.request import SCORES
from curation.store.overview import Run, query_groups, unscored
from curation.ui import jobs
from curation.ui.format import MISSING, duration, percent, short_id, whole
from curation.ui.markup import cell, escape
from curation.ui.session import Session, current_session
from curation.ui.sidebar import run_label

STALE_SECONDS = 60.0
# Exit codes of a job that Ctrl-C ended, cleanly or before it listened.
STOPPED = (130, -signal.SIGINT)


def start_form(session: Session) -> None:
    """A form for the scoring command."""
    running = jobs.job_of(session.project)
    with st.form("start", border=False):
        left, middle, right = st.columns([3, 1, 1])
        model = left.text_input(
            "Model", key="run_model", placeholder="A model folder, or a hub id", persist_state="session"
        )
        dtype = middle.selectbox(
            "Precision", ["auto", "float32", "bfloat16"], key="run_dtype", persist_state="session"
        )
        device = right.selectbox("Device", ["auto", "cpu", "cuda"], key="run_device", persist_state="session")
        adapter = left.text_input(
            "Adapter",
            key="run_adapter",
            placeholder="A PEFT adapter's folder, if there is one",
            persist_state="session",
        )
        families = st.pills(
            "Scores",
            SCORES,
            selection_mode="multi",
            default=SCORES,
            key="run_scores",
            persist_state="session",
        )
        if not query_groups(session.catalogue):
            st.caption(
                "There are no queries yet, hence no influence: add them by `curation queries PROJECT FILE --group gold`."
            )
        ready = not (running and running.running)
        if st.form_submit_button("Start scoring", type="primary", disabled=not ready):
            _start(session, model.strip(), adapter.strip(), dtype, device, families)


def _start(session: Session, model: str, adapter: str, dtype: str, device: str, families: list[str]) -> None:
    if not model or not families:
        st.error("Name a model, and choose at least one score.")
        return
    arguments = ["--model", model, "--dtype", dtype, "--device", device]
    arguments += ["--adapter", adapter] if adapter else []
    arguments += ["--scores", "all" if set(families) == set(SCORES) else ",".join(families)]
    jobs.start(session.project, "score", *arguments)
    st.rerun()


@st.fragment(run_every=1.0)
def watch(session: Session) -> None:
    """The job that this app runs, and unfinished ones of others; it redraws itself each second."""
    job = jobs.job_of(session.project)
    for progress in jobs.unfinished(session.project):
        _bar(progress, alive=job.running if job else progress.age < STALE_SECONDS)
    if job is None:
        return
    if job.running:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{job.kind}** is running", width="stretch")
            st.button(
                "Cancel",
                key="cancel",
                on_click=job.cancel,
                help="Stops cleanly; starting the same again continues it.",
            )
    elif job.process.returncode in STOPPED:
        st.info("The job was stopped; starting the same again continues it.")
    elif job.process.returncode:
        st.error("The job ended with an error; its log says why, and starting the same again continues it.")
    with st.expander("Log", expanded=True):
        st.code(job.tail() or "Nothing yet.", language=None, wrap_lines=True)
    if not job.running:
        if not job.process.returncode:
            jobs.forget(session.project)
            st.rerun()
        st.button("Dismiss", key="dismiss", on_click=jobs.forget, args=(session.project,))


def _bar(progress: jobs.Progress, *, alive: bool) -> None:
    speed = f", {progress.tokens_per_second:,.0f} tokens/s" if progress.tokens_per_second else ""
    left = f", {duration(progress.seconds_left)} left" if progress.seconds_left is not None else ""
    state = f"{speed}{left}" if alive else "; stopped, and the same command continues it"
    said = f"{progress.run_id}: {progress.stage}, {percent(progress.share)}{state}"
    st.progress(progress.share, escape(said))


def finished(session: Session, run: Run) -> None:
    """One run: what it was asked, what it covered, how far it can be believed."""
    took = (run.finished - run.started).total_seconds() if run.started and run.finished else None
    with st.expander(f"{escape(run_label(run))} · {duration(took)}", expanded=run.run_id == session.run_id):
        share = run.coverage.get("share")
        figures = {
            "Parameters attributed": MISSING if share is None else percent(float(share)),
            "Tokens": whole(run.tokens),
            "Took": duration(took),
            "Not scored": whole(run.unscored),
        }
        for place, (label, value) in zip(st.columns(len(figures)), figures.items(), strict=True):
            place.metric(label, value)
        for sentence in _sentences(run):
            st.caption(sentence)
        left, right = st.columns(2)
        left.markdown(
            _table(
                {"Stage": "Time", **{name: duration(_seconds(value)) for name, value in run.timings.items()}}
            )
        )
        settings = {
            "run": run.run_id,
            "model": run.model,
            "adapter": run.adapter,
            "precision": run.dtype,
            "device": run.device,
        }
        with right:
            st.code(
                "\n".join(f"{key}: {value}" for key, value in {**settings, **run.parameters}.items()),
                language=None,
                wrap_lines=True,
            )
        if run.unscored:
            for trace_id, reason in unscored(session.catalogue, run.run_id)[:20]:
                st.caption(f"`{short_id(trace_id)}` was not scored: {escape(reason)}")


def _sentences(run: Run) -> list[str]:
    """Coverage and stability in words."""
    said = []
    if len(run.members) > 1:
        said.append(f"The mean of runs {', '.join(run.members)}.")
    if out := run.coverage.get("left_out"):
        parts = ", ".join(f"{escape(str(what))} {whole(int(n))}" for what, n in out.items())
        said.append(f"Influence does not see these parameters: {parts}.")
    stable = {group: value for group, value in run.stability.items() if isinstance(value, int | float)}
    if stable:
        parts = ", ".join(f"{escape(str(group))} {value:.2f}" for group, value in stable.items())
        said.append(f"Stability of ranks between two halves of the factor sample (1 is perfect): {parts}.")
    lost = run.parameters.get("low_rank_error")
    if isinstance(lost, dict) and any(lost.values()):
        parts = ", ".join(f"{escape(str(group))} {percent(float(value))}" for group, value in lost.items())
        said.append(f"What the low rank of the queries leaves out, as predicted by the curvature: {parts}.")
    return said


def _table(rows: dict[str, str]) -> str:
    (head, unit), *others = rows.items()
    return "\n".join(
        [f"| {head} | {unit} |", "|:--|--:|", *(f"| {cell(name)} | {value} |" for name, value in others)]
    )


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


session = current_session()
st.title("Runs", anchor=False)
if not session.counts.traces:
    st.info("There is nothing to score yet; add traces with `curation ingest PROJECT SOURCE`.")
    st.stop()
watch(session)
if not session.runs:
    st.info("Nothing was scored yet: name a model and start.")
with st.expander("Start a run", expanded=not session.runs):
    start_form(session)
for run in session.runs:
    finished(session, run)
