"""The parts of the Proof page: a comparison's table and figure, its trainings, their answers, and LDS."""

from collections.abc import Sequence

import streamlit as st

from curation.ui import charts
from curation.ui.format import MISSING, duration, number, percent, plural, whole
from curation.ui.markup import escape, rendered, table
from curation.ui.proof_cached import answers_of
from curation.ui.proof_figure import difference_figure, with_interval
from curation.ui.session import Session
from curation.validation.compare import Row
from curation.validation.past import KeptAnswer, KeptTrial, Past
from curation.validation.report import share

COLUMNS = (
    "Recipe",
    "Kept",
    "Traces",
    "Tokens",
    "Accuracy",
    "minus random",
    "at equal tokens",
    "Log-likelihood",
    "minus random",
    "at equal tokens",
)
VERDICTS = {True: ":blue[✓ Right]", False: ":orange[✕ Wrong]", None: ":gray[? Not graded]"}
ALL, RIGHT, WRONG = "All", "Right", "Wrong"
SHOWN = 20


def comparison(shares: Sequence[Past]) -> None:
    """What recipes came to in one comparison, at all of its shares."""
    rows = [row for past in shares for row in past.rows]
    seeds = len({one.trial.seed for past in shares for one in past.trials})
    st.markdown(f"**{escape(shares[0].model)}**")
    st.caption(
        f"{plural(rows[0].steps, 'optimiser step')} each, {plural(seeds, 'seed')}, {plural(shares[0].problems, 'held-out problem')}. "
        "Differences are paired by seed; ± reaches to the ends of the 95% interval. Log-likelihood is nats a token of the problems' "
        "solutions."
    )
    st.markdown(table(COLUMNS, [_cells(row) for row in rows]))
    charts.show(difference_figure(rows), key=f"proof_figure_{shares[0].comparison}")


def _cells(row: Row) -> list[str]:
    equal = row.at_equal_tokens
    return [
        row.name,
        MISSING if row.keep is None else share(row.keep),
        whole(row.traces),
        whole(row.tokens),
        MISSING if row.accuracy is None else percent(row.accuracy),
        with_interval(row.accuracy_minus_random, 3),
        with_interval(equal.accuracy if equal else None, 3),
        number(row.log_likelihood),
        with_interval(row.log_likelihood_minus_random, 4),
        with_interval(equal.log_likelihood if equal else None, 4),
    ]


def trials_table(shares: Sequence[Past]) -> None:
    """Every training of a comparison."""
    trials = [one.trial for past in shares for one in past.trials]
    st.dataframe(
        {
            "recipe": [one.name for one in trials],
            "kept": [None if one.keep is None else share(one.keep) for one in trials],
            "seed": [one.seed for one in trials],
            "traces": [one.traces for one in trials],
            "tokens": [one.tokens for one in trials],
            "accuracy": [one.accuracy for one in trials],
            "log-likelihood": [one.log_likelihood for one in trials],
            "time": [duration(one.seconds or None) for one in trials],
        },
        height="content",
        hide_index=True,
        column_config={
            "accuracy": st.column_config.NumberColumn(format="percent"),
            "log-likelihood": st.column_config.NumberColumn(format="%.4f"),
        },
        key=f"proof_trials_{shares[0].comparison}",
    )


def answers(shares: Sequence[Past]) -> None:
    """What the model of a chosen training says to the held-out problems."""
    key = shares[0].comparison
    trials = [one for past in shares for one in past.trials]
    columns = st.columns((3, 2), vertical_alignment="bottom")
    chosen = columns[0].selectbox(
        "Answers of",
        range(len(trials)),
        format_func=lambda place: _name(trials[place]),
        key=f"proof_training_{key}",
        persist_state="session",
    )
    which = columns[1].segmented_control(
        "Answers", [ALL, RIGHT, WRONG], default=ALL, required=True, key=f"proof_which_{key}"
    )
    found = answers_of(trials[chosen].path)
    wanted = [one for one in found if which == ALL or one.is_correct is (which == RIGHT)]
    first = 0
    if len(wanted) > SHOWN:
        pages = -(-len(wanted) // SHOWN)
        page = st.number_input(f"Page of {whole(pages)}", 1, pages, key=f"proof_page_{key}", width=160)
        first = (page - 1) * SHOWN
    st.caption(f"{plural(len(wanted), 'answer')} of {whole(len(found))}.")
    for one in wanted[first : first + SHOWN]:
        _answer(one)


def _name(one: KeptTrial) -> str:
    kept = "" if one.trial.keep is None else f", {share(one.trial.keep)}"
    return f"{one.trial.name}{kept}, seed {one.trial.seed}"


def _answer(one: KeptAnswer) -> None:
    with st.container(border=True):
        st.markdown(VERDICTS[one.is_correct])
        st.markdown(rendered(one.prompt))
        st.markdown(rendered(one.completion))
        if one.reference:
            st.caption(f"The right answer is {escape(one.reference)}")


def lds_table(session: Session) -> None:
    """How well each score of the chosen run predicts training on random parts, where that was measured."""
    run_id = session.run_id
    if not run_id or not (session.project.root / "validation" / "lds" / f"{run_id}.json").exists():
        return
    from curation.validation.lds_report import kept_report  # It loads scipy.

    report = kept_report(session.project, run_id)
    if report is None or not report.rows:
        return
    st.markdown("**Do this run's scores predict training on random parts?**")
    ceilings = report.ceilings
    st.markdown(
        table(
            ("Score", "Queries", "LDS", "95% interval", "of single queries", "two seeds agree at"),
            [
                (
                    row.score,
                    row.group,
                    f"{row.lds.mean_query:+.2f}",
                    f"{row.lds.low:+.2f} to {row.lds.high:+.2f}",
                    f"{row.lds.single:+.2f}",
                    MISSING if (top := ceilings.get(row.group)) is None else f"{top:+.2f}",
                )
                for row in report.rows
            ],
        )
    )
    st.caption(
        f"Over {plural(report.rows[0].lds.parts, 'random part')}; a score's sign is as it is stored: negative where high is bad."
    )
