"""Overview: what do I have, and what should I do next?"""

import streamlit as st

from curation.demo.proved import proved
from curation.store import overview
from curation.store.browse import lines
from curation.store.columns import Column
from curation.store.view import View
from curation.ui import charts
from curation.ui.cached import column_of, planted_of, tokens_of
from curation.ui.format import MISSING, duration, moment, percent, plural, whole
from curation.ui.listing import listing_of
from curation.ui.markup import cell, escape
from curation.ui.navigation import go_to
from curation.ui.next_step import next_step
from curation.ui.session import Session, current_session
from curation.ui.view import show_in_browse
from curation.ui.walk import read_in_browse
from curation.ui.widgets import trace_list

SHOWN = 10
CHARTED = (
    "influence",
    "trajectory",
    "metagradient",
    "tracin",
    "perplexity",
    "rsr",
    "rds",
    "gradient-norm",
    "tokens",
)


def numbers(session: Session) -> None:
    counts = session.counts
    tokens = tokens_of(session)
    figures = {
        "Traces": whole(counts.traces),
        "Completion tokens": whole(tokens),
        "Duplicates": whole(counts.duplicates),
        "Rejected rows": whole(counts.rejected),
        "Kept by hand": whole(counts.kept),
        "Vetoed": whole(counts.vetoed),
    }
    for column, (label, value) in zip(st.columns(len(figures)), figures.items(), strict=True):
        column.metric(label, value)


def extremes(session: Session) -> None:
    """The two ends of the main score, as lines that open in the reader."""
    name = session.score_names[0]
    column = column_of(session, name)
    places = st.columns(2, gap="large")
    for place, descending in zip(places, (True, False), strict=True):
        view = View(name, descending)
        found = lines(session.catalogue, listing_of(session, view).page(SHOWN))
        title, caption = end_of(column, high=descending)
        with place:
            st.subheader(title, anchor=False)
            st.caption(caption)
            trace_list(found, [column], key=f"extreme_{descending}", on_choose=read_in_browse)
            st.button(
                "All, in this order",
                key=f"all_{descending}",
                type="tertiary",
                icon=":material/arrow_forward:",
                on_click=_browse,
                args=(view,),
            )


def end_of(column: Column, *, high: bool) -> tuple[str, str]:
    """Title and caption of one end of a score; harm is claimed only where the sign says harm."""
    if not column.name.startswith("influence/"):
        return ("Highest" if high else "Lowest"), f"By {escape(column.name)}."
    completions = f"the likelihood of the {escape(column.name.partition('/')[2])} completions"
    if high:
        return "Most helpful", f"Learning from these raises {completions} most."
    if column.count and column.values[0] < 0:
        return "Most harmful", f"Learning from these lowers {completions} most."
    return "Least helpful", f"Learning from these raises {completions} least; no trace lowers it."


def planted(session: Session) -> None:
    """On the demo: what the rankings find of the flaws that were planted, beside chance."""
    report = planted_of(session)
    if report is None or not report.rankings:
        return
    st.subheader("Planted flaws", anchor=False)
    best = report.rankings[0]
    st.markdown(
        f"Of the {plural(best.depth, 'trace')} {best.suspicious} in **{escape(best.score)}**, "
        f"**{whole(best.overall.found)}** have a planted flaw; a random ranking finds about "
        f"**{best.overall.by_chance:.0f}**. {whole(report.planted)} of {whole(report.traces)} traces are flawed. "
        f"{plural(report.copies, 'more row')} repeated a trace exactly: reading found them by their hash."
    )
    names = [escape(ranking.score) for ranking in report.rankings]
    rows = [f"| Flaw | Planted | By chance | {' | '.join(names)} |", f"|:--|--:|--:|{'--:|' * len(names)}"]
    for place, kind in enumerate(best.kinds):
        found = " | ".join(whole(ranking.kinds[place].found) for ranking in report.rankings)
        rows.append(f"| {escape(kind.kind)} | {whole(kind.planted)} | {kind.by_chance:.1f} | {found} |")
    st.markdown("\n".join(rows))
    st.markdown(f"{escape(proved().words)} The Proof page has every recipe.")


def distributions(session: Session) -> None:
    names = [name for name in session.score_names if name.partition("/")[0] in CHARTED][:8]
    if names:
        st.subheader("Scores", anchor=False)
        charts.show(charts.distributions([column_of(session, name) for name in names]), key="distributions")


def runs(session: Session) -> None:
    st.subheader("Runs", anchor=False)
    rows = [
        "| Model | Finished | Took | Parameters attributed | Rank stability | Not scored |",
        "|:--|:--|--:|--:|:--|--:|",
    ]
    for run in session.runs:
        took = (run.finished - run.started).total_seconds() if run.started and run.finished else None
        share = run.coverage.get("share")
        stability = ", ".join(
            f"{cell(str(group))} {value:.2f}" for group, value in run.stability.items() if value is not None
        )
        rows.append(
            f"| {cell(run.model.rstrip('/').split('/')[-1])} | {moment(run.finished)} | {duration(took)} "
            f"| {MISSING if share is None else percent(share)} | {stability or MISSING} "
            f"| {whole(run.unscored)} |"
        )
    st.markdown("\n".join(rows))


def rejected(session: Session) -> None:
    with st.expander(f"{plural(session.counts.rejected, 'rejected row')}: why, and what was in them"):
        for reason, n in overview.rejected_reasons(session.catalogue):
            st.markdown(f"**{whole(n)}** {escape(reason)}")
        for source, line, reason, raw in overview.rejected(session.catalogue, limit=50):
            st.caption(f"{escape(source)}, line {whole(line)}: {escape(reason)}")
            st.code(raw, language=None, wrap_lines=True)


def _browse(view: View) -> None:
    show_in_browse(view)
    go_to("browse")


session = current_session()
st.title("Overview", anchor=False)
numbers(session)
next_step(session)
if session.run and session.score_names:
    planted(session)
    extremes(session)
    distributions(session)
    runs(session)
if session.counts.rejected:
    rejected(session)
