"""Near-duplicates against brute force: which traces are found, however they came in, and what is in them."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from datasketch import MinHash, MinHashLSH

from curation.errors import ScoringError
from curation.scoring.minhash import PERMUTATIONS, WINDOW, Signer, bands, proposed_pairs
from curation.scoring.near_duplicates import find_near_duplicates, jaccard
from curation.store.catalogue import open_catalogue
from curation.store.project import Project, create_project
from curation.traces.shingles import shingles
from curation.traces.trace import Trace
from tests.projects import add_batch

THRESHOLD = 0.8
Members = list[tuple[str, int, float]]


def planted(families: int = 20, seed: int = 0) -> list[Trace]:
    """Families of up to six, from copies over changed words to strangers; some texts are hostile."""
    random = np.random.default_rng(seed)
    words = np.array([f"w{n}" for n in range(400)])
    traces = []
    for family in range(families):
        base = random.choice(words, 120)
        for changes in random.integers(0, 9, random.integers(1, 7)).tolist():
            text = base.copy()
            text[random.integers(0, 120, changes)] = random.choice(words, changes)
            traces.append(Trace(f"problem {family}", " ".join(text)))
        traces.append(Trace(f"Problem {family}", "\n".join(base).upper()))
    hostile = ["", "<b>four</b> words & more", "\u202e é ß İ 你好", "x " * 500_000, "x y " * 250_000]
    traces += [Trace("", text) for text in hostile]
    traces += [
        Trace("short", "Words"),
        Trace("Short", "words"),
        Trace("HTML", hostile[1] + " " + "<i>x</i> " * 9),
    ]
    return list({trace.trace_id: trace for trace in traces}.values())


def brute_force(traces: list[Trace], threshold: float) -> Members:
    """(trace_id, group, similarity) by comparing all pairs and walking what is joined."""
    sets = {one.trace_id: set(shingles(f"{one.prompt}\n{one.response}").tolist()) for one in traces}
    alike: dict[str, dict[str, float]] = {trace_id: {} for trace_id in sets}
    for a, b in combinations(sets, 2):
        value = len(sets[a] & sets[b]) / len(sets[a] | sets[b])
        if value >= threshold:
            alike[a][b] = alike[b][a] = value
    groups: list[list[str]] = []
    seen: set[str] = set()
    for trace_id in sorted(sets):
        reached, left = {trace_id}, [trace_id]
        while left:
            left = [
                other
                for one in left
                for other in alike[one]
                if other not in reached and not reached.add(other)
            ]  # type: ignore[func-returns-value]
        if trace_id not in seen and len(reached) > 1:
            groups.append(sorted(reached))
        seen |= reached
    groups.sort(key=lambda group: (-len(group), group[0]))
    return [(one, n, max(alike[one].values())) for n, group in enumerate(groups) for one in group]


def members(project: Project) -> Members:
    catalogue = open_catalogue(project)
    found = catalogue.rows(
        'SELECT trace_id, "group", similarity FROM near_duplicates ORDER BY "group", trace_id'
    )
    catalogue.close()
    return [(one, group, similarity) for one, group, similarity in found]


def filled(folder: Path, traces: list[Trace], batches: int = 1) -> Project:
    project = create_project(folder)
    for number in range(batches):
        add_batch(project, traces[number::batches])
    return project


@pytest.mark.parametrize("threshold", [0.5, THRESHOLD, 0.95, 1.0])
def test_all_and_only_the_pairs_of_brute_force_are_joined(tmp_path: Path, threshold: float) -> None:
    traces = planted()
    project = filled(tmp_path / "project", traces)
    found = find_near_duplicates(project, threshold=threshold)
    expected = brute_force(traces, threshold)
    assert members(project) == [(one, group, pytest.approx(value)) for one, group, value in expected]
    assert len({group for _, group, _ in expected}) == found.groups > 3
    assert (found.traces, found.near_duplicates) == (len(traces), len(expected))


def test_the_order_of_ingest_and_the_batches_change_nothing(tmp_path: Path) -> None:
    traces = planted()
    first, second = filled(tmp_path / "a", traces), filled(tmp_path / "b", traces[::-1], batches=3)
    for project in (first, second):
        find_near_duplicates(project, threshold=THRESHOLD)
    assert members(first) == members(second)
    find_near_duplicates(first, threshold=THRESHOLD)
    assert members(first) == members(second)
    assert [path.name for path in first.duplicates] == ["0001.duckdb", "0002.duckdb"]


def test_the_newest_search_counts_and_says_how_it_was_made(tmp_path: Path) -> None:
    project = filled(tmp_path / "project", planted())
    find_near_duplicates(project, threshold=0.5)
    some = find_near_duplicates(project, threshold=1.0, seed=3)
    catalogue = open_catalogue(project)
    assert catalogue.rows("SELECT * FROM near_duplicate_search") == [(some.traces, 1.0, 5, PERMUTATIONS, 3)]
    assert {value for _, _, value in members(project)} == {1.0}
    assert some.file == "duplicates/0002.duckdb"


def test_a_template_of_thousands_is_one_group(tmp_path: Path) -> None:
    words = [f"w{n}" for n in range(200)]
    traces = [Trace("p", " ".join([*words, str(n)])) for n in range(6 * WINDOW)]
    found = find_near_duplicates(filled(tmp_path / "project", traces))
    assert (found.groups, found.near_duplicates) == (1, len(traces))


def test_bands_propose_what_is_at_the_threshold() -> None:
    for threshold in (0.1, 0.3, 0.5, 0.8, 0.9, 0.99, 1.0):
        count, rows = bands(threshold)
        assert count * rows <= PERMUTATIONS
        assert 1 - (1 - threshold**rows) ** count > 0.998


def test_the_pairs_are_those_of_the_library() -> None:
    signatures = np.array([Signer(0).sign(shingles(one.response)) for one in planted()])
    count, rows = bands(THRESHOLD)
    index = MinHashLSH(num_perm=PERMUTATIONS, params=(count, rows))
    expected = set()
    for right, row in enumerate(signatures):
        one = MinHash(hashvalues=row, scheme="affine32")
        expected |= {(left, right) for left in index.query(one)}
        index.insert(right, one)
    alike = {pair for pair in expected if (signatures[pair[0]] == signatures[pair[1]]).mean() > THRESHOLD}
    found = set(zip(*(side.tolist() for side in proposed_pairs(signatures, THRESHOLD)), strict=True))
    assert alike <= found <= expected
    assert len(alike) > 20


def test_signatures_agree_as_far_as_texts_do() -> None:
    random = np.random.default_rng(1)
    left, right = (np.unique(random.integers(0, 3_000, 2_000).astype(np.uint64)) for _ in range(2))
    sign = Signer(0).sign
    agreeing = float((sign(left) == sign(right)).mean())
    exact = jaccard([left, right], np.array([0]), np.array([1]))[0]
    assert exact == len(np.intersect1d(left, right)) / len(np.union1d(left, right))
    assert agreeing == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / PERMUTATIONS))
    assert (Signer(0).sign(left) == sign(left)).all()
    assert (Signer(1).sign(left) != sign(left)).any()


def test_one_trace_has_no_pair() -> None:
    assert [len(side) for side in proposed_pairs(np.zeros((1, PERMUTATIONS), np.uint32), 0.8)] == [0, 0]


def test_what_cannot_be_compared_is_said(tmp_path: Path) -> None:
    project = create_project(tmp_path / "project")
    with pytest.raises(ScoringError, match="curation ingest"):
        find_near_duplicates(project)
    add_batch(project, planted(1)[:1])
    assert find_near_duplicates(project).groups == 0
    for threshold in (0.0, 1.5, float("nan")):
        with pytest.raises(ScoringError, match="no threshold"):
            find_near_duplicates(project, threshold=threshold)
    project.batches[0].write_bytes(b"no file of DuckDB")
    with pytest.raises(ScoringError, match="damaged"):
        find_near_duplicates(project)
