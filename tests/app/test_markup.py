"""Text of traces on its way into Streamlit's Markdown."""

import re

import pytest

from curation.ui.markup import JOINER, cell, escape, rendered, sentence
from tests.app.project import HOSTILE

# What Streamlit's Markdown, or the plugins that run after its parser, would act upon.
ACTS = re.compile(
    r"(?<!\\)[<>\[\]!`*_#|~]|:[\w+-]+:|:\w+\[|https?://|www\.|\w@\w|(^|\s)(<->|->|<-|--|>=|<=|~=)(\s|$)|(?<!\\)\$"
)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_acts_survives_escaping(text: str) -> None:
    assert not ACTS.search(escape(text))


@pytest.mark.parametrize("text", [*HOSTILE, "www.example.com WWW.example.com https://x.y a@b.c"])
def test_escaping_only_adds_backslashes_and_joiners(text: str) -> None:
    shown = escape(text).replace(JOINER, "")
    shown = re.sub(r"\\([^\w\s])", r"\1", shown).replace("\u00a0" * 4, "\t")
    unseen = {
        "\x00": "‹U+0000›",
        "\x07": "‹U+0007›",
        "\x1b": "‹U+001B›",
        "\u202e": "‹U+202E›",
        "\u202c": "‹U+202C›",
    }
    expected = text
    for character, written in unseen.items():
        expected = expected.replace(character, written)
    assert shown == expected


@pytest.mark.parametrize(
    ("text", "maths"),
    [
        (r"so \(x^2\) is", "$x^2$"),
        (r"\[ a + b \]", "$$\na + b\n$$"),
        ("$$a\n= b$$", "$$\na = b\n$$"),
        ("let $x$ be", "$x$"),
        ("then $x^2 + 1$ is", "$x^2 + 1$"),
        (r"costs \(\$5\)", r"$\textdollar 5$"),
    ],
)
def test_mathematics_is_kept(text: str, maths: str) -> None:
    assert maths in rendered(text)


@pytest.mark.parametrize(
    "text",
    [
        "it costs $5 and she has $6",
        "she earns $18*5=$<<18*5=90>>90",
        r"\(\href{javascript:alert(1)}{x}\)",
        r"\[\rule{999em}{999em}\]",
        r"\(\def\a{\a\a}\a\)",
        r"\(\newcommand{\x}{y}\)",
        r"\(\htmlClass{a}{b}\)",
        r"\(a`b\)",
        "$$ends in a backslash\\$$",
        r"\(" + "x" * 3_000 + r"\)",
        "unclosed $$ and \\( and \\[",
    ],
)
def test_what_is_no_safe_mathematics_stays_text(text: str) -> None:
    assert not re.search(r"(?<!\\)\$", rendered(text))


def test_mathematics_never_ends_before_a_digit() -> None:
    # Streamlit loads its mathematics only where a closing dollar is followed by no digit.
    assert f"$x${JOINER}" in rendered(r"\(x\)5")


def test_commands_in_our_messages_are_code_and_the_rest_is_escaped() -> None:
    assert sentence("*x* is none; use `curation init *x*`.") == r"\*x\* is none\; use `curation init *x*`\."
    assert "`" not in sentence("a ` b").replace(r"\`", "")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_cell_is_one_line(text: str) -> None:
    assert "\n" not in cell(text)
    assert not ACTS.search(cell(text))


def test_lines_paragraphs_and_bold_are_kept() -> None:
    assert rendered("one\ntwo\n\nthree") == "one  \ntwo\n\nthree"
    assert rendered("a **bold** word") == "a **bold** word"
    assert rendered("    four spaces").startswith("\u00a0" * 4)
    assert rendered("1. one").startswith("1\\.")


def test_long_unclosed_openers_take_no_time() -> None:
    text = r"\( " * 15_000
    assert len(rendered(text)) > len(text)
