"""Browse and its reader under AppTest."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from curation.store import reading
from curation.store.catalogue import open_catalogue
from curation.store.project import Project
from curation.traces.trace import Trace
from tests.app.looking import key_now, lists, step_views, words
from tests.app.project import HOSTILE, build_project, texts
from tests.browser.hands import ranked

Open = Callable[..., AppTest]


def shown(app: AppTest) -> list[str]:
    return [trace["id"] for trace in lists(app)[0]["traces"]]


def open_filters(app: AppTest) -> AppTest:
    app.session_state["filters"] = True
    return app.run()


def verdicts(project: Project) -> dict[str, str]:
    catalogue = open_catalogue(project)
    found = dict(catalogue.rows("SELECT trace_id, verdict FROM verdicts"))
    catalogue.close()
    return found


def test_the_list_is_ranked_and_the_first_trace_is_open(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "browse")
    ids = shown(app)
    assert len(ids) == 60
    assert lists(app)[0]["chosen"] == ids[0]
    assert "#1 of 60, top 1.7%" in words(app)
    app.selectbox(key="browse_order").set_value(False).run()
    assert shown(app)[0] == ids[-1]


def test_keep_and_veto_are_on_disk_and_the_next_trace_is_shown(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "browse")
    first, second, third = shown(app)[:3]
    app.sidebar.text_input(key="reviewer").set_value("ann").run()
    app.text_input(key="reason").set_value("wrong rule").run()
    app.button(key="veto").click().run()
    assert verdicts(project) == {first: "veto"}
    assert lists(app)[0]["chosen"] == second
    assert app.text_input(key=key_now(app, "reason")).value == ""
    app.button(key="keep").click().run()
    assert verdicts(project) == {first: "veto", second: "keep"}
    marks = {trace["id"]: trace["verdict"] for trace in lists(app)[0]["traces"]}
    assert (marks[first], marks[second], marks[third]) == ("veto", "keep", "")
    event = reading.history(open_catalogue(project), first)[0]
    assert (event.reason, event.actor) == ("wrong rule", "ann")


def test_undo_takes_back_and_shows_the_trace_again(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "browse")
    first = shown(app)[0]
    app.button(key="veto").click().run()
    app.button(key="undo").click().run()
    assert verdicts(project) == {first: "undecided"}
    assert lists(app)[0]["chosen"] == first
    assert "again, by undo" in words(app)
    app.button(key="undo").click().run()
    assert "no decision to take back" in words(app)


def test_next_and_previous_walk_and_stop_at_the_ends(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "browse")
    first, second = shown(app)[:2]
    app.button(key="next").click().run()
    assert lists(app)[0]["chosen"] == second
    app.button(key="previous").click().run()
    app.button(key="previous").click().run()
    assert lists(app)[0]["chosen"] == first
    assert "first trace of the list" in words(app)


def test_a_link_opens_its_trace_and_a_wrong_one_says_so(open_app: Open, project: Project) -> None:
    trace = texts(60)[30]
    app = open_app(project.root, "browse", trace=trace.trace_id)
    assert lists(app)[0]["chosen"] == trace.trace_id
    assert trace.trace_id in shown(app)
    assert app.query_params["trace"] == trace.trace_id
    assert step_views(app)[0]["steps"][0]["text"] == trace.prompt
    assert "No trace here has the id" in words(open_app(project.root, "browse", trace="<b>no</b>"))


def test_search_and_filters_narrow_the_list_and_clear(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "browse")
    app.text_input(key="browse_search").set_value("bags with 5 apples").run()
    ids = shown(app)
    assert set(ids) == {t.trace_id for t in texts(60) if "bags with 5 apples" in t.response}
    assert lists(app)[0]["highlights"] == ["bags with 5 apples"]
    app.button(key="veto").click().run()
    open_filters(app).button_group(key="browse_verdict").set_value("none").run()
    assert len(shown(app)) == len(ids) - 1
    app.button(key="clear").click().run()
    assert len(shown(app)) == 60
    app.button_group(key="facet_:source").set_value(["sums.jsonl"]).run()
    app.number_input(key="limit_at least_influence/gold").set_value(1.0).run()
    assert 0 < len(shown(app)) < 60 - len(HOSTILE)
    app.text_input(key=key_now(app, "browse_search")).set_value("in no trace at all").run()
    assert "No trace fits these filters" in words(app)


def test_a_filter_is_decided_as_a_whole_and_undone_in_one_step(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "browse")
    assert not [one for one in app.button if one.key == "all_veto"]
    app.text_input(key="browse_search").set_value("bags with 5 apples").run()
    ids = shown(app)
    app.session_state["decide_all"] = True
    app.run()
    assert app.button(key="all_veto").label == f"Veto {len(ids)} traces"
    app.text_input(key="all_reason").set_value("too many apples").run()
    app.button(key="all_veto").click().run()
    assert verdicts(project) == dict.fromkeys(ids, "veto")
    assert f"Vetoed {len(ids)} traces" in words(app)
    app.button(key="undo").click().run()
    assert verdicts(project) == dict.fromkeys(ids, "undecided")


def test_search_in_any_case_and_by_pattern_marks_what_it_found(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "browse")
    app.text_input(key="browse_search").set_value("THERE ARE 1[0-2] BAGS").run()
    app.selectbox(key="browse_how").set_value("any case").run()
    assert "No trace fits" in words(app)
    app.text_input(key="browse_search").set_value(r"(?i)THERE ARE 1[0-2] bags").run()
    app.selectbox(key="browse_how").set_value("pattern").run()
    assert len(shown(app)) == 3
    assert lists(app)[0]["highlights"] == [f"There are {n} bags" for n in (10, 11, 12)]
    assert len(step_views(app)[1]["highlights"]) == 1
    assert "matches" in words(app)
    app.text_input(key="browse_search").set_value("There are (").run()
    assert "is no regular expression" in words(app)
    assert len(shown(app)) == 60
    assert not app.error


def test_undecided_list_moves_on_after_a_veto(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "browse")
    open_filters(app).button_group(key="browse_verdict").set_value("none").run()
    first, second = shown(app)[:2]
    app.button(key="veto").click().run()
    assert lists(app)[0]["chosen"] == second
    assert first not in shown(app)


def test_steps_are_coloured_by_the_chosen_group_with_signed_numbers(open_app: Open, project: Project) -> None:
    trace = texts(60)[3]
    app = open_app(project.root, "browse", trace=trace.trace_id)
    by_gold = step_views(app)[1]
    assert by_gold["measured"]
    assert "".join(step["text"] for step in by_gold["steps"]) == trace.response
    for step in by_gold["steps"]:
        assert step["label"][0] == ("+" if step["share"] > 0 else "−")
        assert ("raises" if step["share"] > 0 else "lowers") in step["title"]
    chooser = app.button_group(key="reader_colour")
    assert chooser.options == ["gold", "correct", "incorrect"]
    chooser.set_value("influence/incorrect").run()
    assert step_views(app)[1]["steps"] != by_gold["steps"]


def test_tokens_are_painted_where_the_run_kept_them(open_app: Open, project: Project) -> None:
    trace = texts(60)[3]
    app = open_app(project.root, "browse", trace=trace.trace_id)
    by_step = step_views(app)[1]["steps"]
    assert not any(step["tokens"] for step in by_step)
    app.toggle(key="reader_tokens").set_value(True).run()
    by_token = step_views(app)[1]["steps"]
    assert [{**step, "tokens": []} for step in by_token] == by_step
    for step in by_token:
        assert "".join(token["text"] for token in step["tokens"]) == step["text"]
    every = [token for step in by_token for token in step["tokens"]]
    assert max(abs(token["share"]) for token in every) == 1.0
    assert "influence/gold −1" in {token["title"] for token in every}
    assert all(("+" in token["title"]) == (token["share"] > 0) for token in every)
    app.button_group(key="reader_colour").set_value("influence/correct").run()
    assert step_views(app)[1]["steps"][0]["tokens"] != by_token[0]["tokens"]
    without = open_app(project.root, "browse", trace=texts(60)[2].trace_id)
    assert not [one for one in without.toggle if one.key == "reader_tokens"]


def test_raw_and_rendered_views(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "browse", trace=texts(60)[3].trace_id)
    app.button_group(key="reader_show").set_value("Side by side").run()
    assert len(step_views(app)) == 3
    assert any(r"$6 \times 5 = 30$" in markdown.value for markdown in app.markdown)
    app.button_group(key="reader_show").set_value("Rendered").run()
    assert step_views(app) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_data_in_every_part_of_the_reader(
    open_app: Open, project: Project, text: str
) -> None:
    trace = next(trace for trace in texts(60) if trace.response == text)
    app = open_app(project.root, "browse", trace=trace.trace_id)
    assert not app.exception
    assert not app.error
    raw = step_views(app)
    assert "".join(step["text"] for step in raw[1]["steps"]) == text
    if [one for one in app.toggle if one.key == "reader_tokens"]:
        app.toggle(key="reader_tokens").set_value(True).run()
        pieces = [token["text"] for step in step_views(app)[1]["steps"] for token in step["tokens"]]
        assert "".join(pieces) == text
    app.button_group(key="reader_show").set_value("Rendered").run()
    app.text_input(key="browse_search").set_value(text).run()
    app.button(key="veto").click().run()
    assert not app.exception
    assert not app.error
    assert verdicts(project) == {trace.trace_id: "veto"}
    for markdown in [*app.markdown, *app.caption]:
        assert not markdown.allow_html
        assert "<script" not in markdown.value
        assert "](" not in markdown.value.replace("\\](", "")


def test_a_response_of_ten_megabytes_is_shown_in_parts(
    open_app: Open, tmp_path_factory: pytest.TempPathFactory
) -> None:
    long = Trace("Long?", ("0123456789" * 10_000 + "\n") * 104)
    project = build_project(tmp_path_factory.mktemp("long") / "project", traces=[long, *texts(12)])
    app = open_app(project.root, "browse", trace=long.trace_id)
    assert "209 parts" in words(app)
    app.number_input(key=key_now(app, "reader_part")).set_value(209).run()
    part = "".join(step["text"] for step in step_views(app)[1]["steps"])
    assert part == long.response[208 * reading.PART :]


def test_a_second_reviewer_sees_what_the_first_decided(open_app: Open, project: Project) -> None:
    first, second = open_app(project.root, "browse"), open_app(project.root, "browse")
    ids = shown(second)
    first.button(key="veto").click().run()
    second.run()
    assert lists(second)[0]["traces"][0]["verdict"] == "veto"
    second.button(key="next").click().run()
    second.button(key="keep").click().run()
    assert verdicts(project) == {ids[0]: "veto", ids[1]: "keep"}


def test_the_reader_shows_queries_and_finds_what_is_alike(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "browse")
    assert not app.error
    labels = [one.label for one in app.expander]
    assert any(label.startswith(":blue[**+") for label in labels)
    assert any(label.startswith(":orange[**−") for label in labels)
    first = app.session_state["trace"]
    app.button(key="alike").click().run()
    found = lists(app)[-1]["traces"]
    assert len(found) == 10
    assert first not in {one["id"] for one in found}
    app.button(key="alike_browse").click().run()
    assert {one["id"] for one in lists(app)[0]["traces"]} == {first, *(one["id"] for one in found)}


def test_the_list_turns_to_the_page_of_a_trace_that_another_page_opened(
    open_app: Open, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project = build_project(tmp_path_factory.mktemp("many") / "project", traces=texts(230))
    app = open_app(project.root, "browse")
    assert page_of(app) == 1
    last = ranked(project)[-1]
    app.switch_page("pages/review.py").run()
    app.session_state["trace"] = last
    app.switch_page("pages/browse.py").run()
    assert (page_of(app), lists(app)[0]["chosen"]) == (3, last)
    turn_page(app, 2)
    assert (page_of(app), lists(app)[0]["chosen"]) == (2, last)
    app.button(key="previous").click().run()
    assert page_of(app) == 3
    app.selectbox(key="browse_order").set_value(False).run()
    turn_page(app, 2)
    assert page_of(app) == 2


def page_of(app: AppTest) -> int:
    """The page that the list shows."""
    return (int(lists(app)[0]["traces"][0]["rank"].replace(",", "")) - 1) // 100 + 1


def turn_page(app: AppTest, page: int) -> None:
    """Turn the list to a page by its own control, which AppTest cannot use."""
    states = app._tree.get_widget_states()
    control = states.widgets.add()
    control.id, control.int_value = app.get("pagination")[0].proto.id, page
    app._run(states)
