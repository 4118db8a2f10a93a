"""The reader says what a response comes to, and whether that is the trace's answer."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from curation.store.reading import PART
from curation.traces.trace import Trace
from tests.app.looking import words
from tests.app.project import HOSTILE, build_project, texts

Open = Callable[..., AppTest]
LONG = "A step of many.\n" * (PART // 8)
CASES = [
    ("6 and 36\n#### 42", "42", "Final answer 42: matches"),
    ("6 and 36\n#### $42.00", "42", "Final answer $42.00: matches"),
    ("It is \\boxed{42}.", "43", "Final answer 42: differs from 43"),
    ("So there are 42 apples", "42", "Final answer 42: matches (none is marked; this is the last number)"),
    (
        "Nobody can say",
        "42",
        "Final answer Nobody can say: differs from 42 (none is marked; this is the last line)",
    ),
    (f"{LONG}#### 42", "42", "Final answer 42: matches"),
    ("It is \\boxed{never closed", "42", "Final answer: none is found in the response"),
]


def said(app: AppTest) -> str:
    text = words(app)
    for mark in ("**", ":blue[", ":orange[", ":gray[", "]"):
        text = text.replace(mark, "")
    return text


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Trace]]:
    traces = [Trace(f"Case {n}?", response, answer) for n, (response, answer, _) in enumerate(CASES)]
    traces += [Trace(f"Hostile {n}?", f"#### {text}", f"not {text}") for n, text in enumerate(HOSTILE)]
    folder = tmp_path_factory.mktemp("answers") / "project"
    return build_project(folder, traces=traces).root, traces


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_final_answer_matches_or_differs(
    open_app: Open, root: tuple[str, list[Trace]], number: int
) -> None:
    app = open_app(root[0], "browse", trace=root[1][number].trace_id)
    assert CASES[number][2] in said(app)


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_answers_are_text(open_app: Open, root: tuple[str, list[Trace]], number: int) -> None:
    app = open_app(root[0], "browse", trace=root[1][len(CASES) + number].trace_id)
    assert not app.exception
    assert not app.error
    (line,) = [one for one in app.markdown if one.value.startswith("Final answer")]
    assert not line.allow_html
    assert "<script" not in line.value
    assert "](" not in line.value.replace("\\](", "")


def test_without_an_answer_nothing_is_said(open_app: Open, tmp_path_factory: pytest.TempPathFactory) -> None:
    traces = [Trace("Why?", "Because 7", ""), *texts(12)]
    project = build_project(tmp_path_factory.mktemp("none") / "project", traces=traces)
    assert "Final answer" not in words(open_app(project.root, "browse", trace=traces[0].trace_id))
