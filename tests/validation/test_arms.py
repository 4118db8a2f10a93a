from collections.abc import Iterator

import pytest

from curation.errors import ScoringError, SelectionError
from curation.selection.recipes import Recipe
from curation.selection.select import select
from curation.store.catalogue import Catalogue, open_catalogue
from curation.store.decisions import decide
from curation.store.project import Project
from curation.validation.arms import make_arm, make_arms, traces_of
from tests.validation.project import trace_ids

NAMES = ["influence:gold", "mid-ppl", "random"]


@pytest.fixture
def catalogue(project: Project) -> Iterator[Catalogue]:
    opened = open_catalogue(project)
    yield opened
    opened.close()


def test_without_decisions_an_arm_is_the_selection(catalogue: Catalogue) -> None:
    for arm in make_arms(catalogue, NAMES, 0.4, 1)[0]:
        recipe = Recipe(arm.name, keep=0.4)
        assert arm.trace_ids == select(catalogue, recipe).selected_ids
        assert len(arm.trace_ids) == 24


def test_only_random_differs_between_seeds_and_it_is_there_once(catalogue: Catalogue) -> None:
    first, second = make_arms(catalogue, NAMES, 0.5, 2)
    assert [arm.name for arm in first] == ["random", "influence:gold", "mid-ppl"]
    assert first[1:] == second[1:]
    assert first[0].trace_ids != second[0].trace_ids
    assert first[0].digest != second[0].digest


def test_decisions_apply_and_every_arm_still_has_as_many_traces(project: Project) -> None:
    ids = trace_ids(project)
    catalogue = open_catalogue(project)
    best = make_arm(catalogue, "influence:gold", Recipe("influence:gold", keep=0.5)).trace_ids
    catalogue.close()
    vetoed, kept = list(best[:7]), [one for one in ids if one not in best][:3]
    decide(project, vetoed, "veto")
    decide(project, kept, "keep")
    catalogue = open_catalogue(project)
    for arm in make_arms(catalogue, NAMES, 0.5, 2)[1]:
        assert len(arm.trace_ids) == 30
        assert not set(vetoed) & set(arm.trace_ids)
        assert set(kept) <= set(arm.trace_ids)
    catalogue.close()


def test_an_arm_knows_the_groups_that_its_recipe_looked_at(catalogue: Catalogue) -> None:
    names = [*NAMES, "top:influence/gold", "rank-average:influence/gold+-perplexity"]
    looked = {arm.name: arm.groups for arm in make_arms(catalogue, names, 0.5, 1)[0]}
    assert looked == {
        "random": set(),
        "influence:gold": {"gold"},
        "mid-ppl": set(),
        "top:influence/gold": {"gold"},
        "rank-average:influence/gold+-perplexity": {"gold"},
    }


def test_the_traces_of_an_arm_are_whole(catalogue: Catalogue) -> None:
    arm = make_arm(catalogue, "mid-ppl", Recipe("mid-ppl", keep=0.1))
    assert tuple(trace.trace_id for trace in traces_of(catalogue, arm)) == arm.trace_ids


def test_what_selects_nothing_or_was_not_scored_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(ScoringError, match="no trace"):
        make_arm(catalogue, "random", Recipe("random", keep=0.001))
    with pytest.raises(SelectionError, match="rds"):
        make_arms(catalogue, ["rds+"], 0.5, 1)


def test_vetoed_steps_carry_no_loss_in_any_arm_and_make_it_another_one(project: Project) -> None:
    before = open_catalogue(project)
    random, best, _ = make_arms(before, NAMES, 0.9, 1)[0]
    both = next(one for one in best.trace_ids if one in random.trace_ids)
    decide(project, [both], "veto", step=(0, 8))
    before.refresh()
    for old, new in zip((random, best), make_arms(before, NAMES, 0.9, 1)[0], strict=False):
        assert new.trace_ids == old.trace_ids
        assert new.masks == {both: [(0, 8)]}
        assert new.digest != old.digest
        assert {trace.trace_id: trace.masked for trace in traces_of(before, new) if trace.masked} == {
            both: ((0, 8),)
        }
    decide(project, [both], "undecided", step=(0, 8))
    before.refresh()
    assert [arm.digest for arm in make_arms(before, NAMES, 0.9, 1)[0][:2]] == [random.digest, best.digest]
    before.close()
