"""Near-duplicates under AppTest: found by a real job, listed, compared, and the best of each group kept."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from curation.scoring.near_duplicates import find_near_duplicates
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.decisions import decide
from curation.store.project import Project
from curation.traces.trace import Trace
from curation.ui import jobs
from tests.app.looking import components, lists, words
from tests.app.project import HOSTILE, build_project
from tests.projects import add_batch

Open = Callable[..., AppTest]
GOLD = "influence/gold"


def family(number: int, size: int) -> list[Trace]:
    """Traces that differ in their last word, with hostile text in the middle."""
    text = " ".join(f"w{number}-{n}" for n in range(60))
    return [Trace(f"Problem {number}", f"{text} {HOSTILE[0]} end {n}", source_row=n) for n in range(size)]


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Groups of four, three, and two times twenty; and traces that are alone."""
    traces = [*family(0, 4), *family(1, 3)]
    traces += [one for number in range(2, 22) for one in family(number, 2)]
    traces += [one for number in range(22, 27) for one in family(number, 1)]
    return build_project(tmp_path_factory.mktemp("near") / "project", traces=traces)


@pytest.fixture
def searched(project: Project) -> Project:
    find_near_duplicates(project)
    return project


def groups(catalogue: Catalogue) -> list[list[str]]:
    found = catalogue.rows(
        f"""SELECT list(trace_id ORDER BY value DESC) FROM near_duplicates
            JOIN (SELECT trace_id, value FROM scores WHERE name = '{GOLD}') USING (trace_id)
            GROUP BY "group" ORDER BY "group\""""
    )
    return [ids for (ids,) in found]


def vetoed(project: Project) -> dict[str, str]:
    catalogue = open_catalogue(project)
    found = catalogue.rows("SELECT trace_id, reason FROM verdicts WHERE verdict = 'veto'")
    catalogue.close()
    return dict(found)


def opened(open_app: Open, project: Project) -> AppTest:
    app = open_app(project.root, "compare")
    app.segmented_control(key="compare_what").set_value("Near-duplicates").run()
    assert not app.error
    assert not app.exception
    return app


def test_without_a_search_the_button_starts_one(open_app: Open, project: Project) -> None:
    app = opened(open_app, project)
    assert "curation duplicates" in words(app)
    app.number_input[0].set_value(0.9).run()
    assert "--threshold 0.9`" in words(app)
    app.button(key="start_duplicates").click().run()
    job = jobs.job_of(project)
    assert job is not None
    assert job.process.wait(timeout=120) == 0
    app.run()
    assert "at a similarity of 0.9 or more" in words(app)


def test_a_search_that_failed_shows_its_log(open_app: Open, project: Project) -> None:
    project.batches[0].write_bytes(b"damaged")
    app = open_app(project.root, "compare")
    app.segmented_control(key="compare_what").set_value("Near-duplicates").run()
    app.button(key="start_duplicates").click().run()
    job = jobs.job_of(project)
    assert job is not None
    assert job.process.wait(timeout=120) == 1
    app.run()
    assert "a file is damaged" in words(app)


def test_the_best_of_each_group_is_kept_and_one_undo_takes_it_back(open_app: Open, searched: Project) -> None:
    catalogue = open_catalogue(searched)
    made = groups(catalogue)
    app = opened(open_app, searched)
    assert "**47 traces** of 52 in **22 groups**" in words(app)
    app.selectbox(key="near_score").set_value(GOLD).run()
    assert f"Keeps the best of each of 22 groups by {GOLD} and vetoes 25 traces." in words(app)
    app.button(key="near_veto").click().run()
    assert not app.exception
    goes = [one for ids in made for one in ids[1:]]
    assert vetoed(searched) == dict.fromkeys(goes, f"near-duplicate; the best by {GOLD} stays")
    assert "Vetoed 25 traces" in words(app)
    assert "vetoes 0 traces" in words(app)
    assert app.button(key="near_veto").disabled
    app.switch_page("pages/browse.py").run()
    app.button(key="undo").click().run()
    assert vetoed(searched) == {}


def test_the_lowest_can_be_the_best_and_decisions_by_hand_stay(open_app: Open, searched: Project) -> None:
    made = groups(open_catalogue(searched))
    decide(searched, [made[0][-1]], "veto")
    decide(searched, [made[1][0]], "keep")
    app = opened(open_app, searched)
    app.selectbox(key="near_score").set_value(GOLD).run()
    app.segmented_control(key="near_order").set_value("Lowest").run()
    app.button(key="near_veto").click().run()
    found = set(vetoed(searched))
    assert set(made[0]) - found == {made[0][-2]}
    assert set(made[1]) - found == {made[1][0]}
    assert all(set(ids) - found == {ids[-1]} for ids in made[2:])


def test_a_group_is_opened_and_two_of_its_traces_compared(open_app: Open, searched: Project) -> None:
    catalogue = open_catalogue(searched)
    made = groups(catalogue)
    app = opened(open_app, searched)
    app.selectbox(key="near_score").set_value(GOLD).run()
    by_size, members = lists(app)
    assert len(by_size["traces"]) == 20
    assert [one["scores"][0]["label"] for one in by_size["traces"][:3]] == ["4", "3", "2"]
    assert {one["id"] for one in members["traces"]} == set(made[0])
    assert (members["traces"][0]["id"], members["traces"][0]["rank"]) == (made[0][0], "★ 1")
    (shown,) = [one for one in components(app) if one["name"] == "curation_difference_view"]
    texts = dict(catalogue.rows("SELECT trace_id, response FROM traces"))
    left, right = app.selectbox(key="near_left_0").value, app.selectbox(key="near_right_0").value
    assert left == made[0][0]
    assert "".join(text for text, _ in shown["left"]) == texts[left]
    assert "".join(text for text, _ in shown["right"]) == texts[right]
    assert [text for text, differs in shown["left"] if differs] == [texts[left].split()[-1]]
    app.selectbox(key="near_left_0").set_value(right).run()
    assert not app.exception
    assert app.selectbox(key="near_right_0").value != right
    app.session_state["near_page"] = 2
    app.run()
    assert len(lists(app)[0]["traces"]) == 2
    app.button(key="near_browse").click().run()
    assert {one["id"] for one in lists(app)[0]["traces"]} == set(made[20])


def test_the_reader_says_the_group_and_leads_to_it(open_app: Open, searched: Project) -> None:
    made = groups(open_catalogue(searched))
    app = open_app(searched.root, "browse", trace=made[1][1])
    assert "In a group of 3 near-duplicates" in words(app)
    app.button(key="near_duplicates").click().run()
    assert {one["id"] for one in lists(app)[0]["traces"]} == set(made[1])
    assert lists(app)[0]["chosen"] == made[1][1]


def test_of_a_trace_alone_and_before_a_search_the_reader_says_nothing(
    open_app: Open, project: Project
) -> None:
    first, alone = family(1, 1)[0].trace_id, family(22, 1)[0].trace_id
    assert "near-duplicate" not in words(open_app(project.root, "browse", trace=first))
    find_near_duplicates(project)
    assert "In a group of 3" in words(open_app(project.root, "browse", trace=first))
    assert "near-duplicate" not in words(open_app(project.root, "browse", trace=alone))


def test_groups_are_shown_where_there_is_no_score(open_app: Open, searched: Project) -> None:
    for path in [*searched.runs, *searched.maps]:
        path.unlink()
    app = opened(open_app, searched)
    assert "needs a score" in words(app)
    assert [len(one["traces"]) for one in lists(app)] == [20, 4]


def test_nothing_found_is_said(open_app: Open, project: Project) -> None:
    for path in project.batches:
        path.unlink()
    add_batch(project, [Trace("only", "one")])
    find_near_duplicates(project)
    assert "No two traces are as similar" in words(opened(open_app, project))
