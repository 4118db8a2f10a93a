"""Which run and which group a recipe means, where it leaves that open."""

from curation.errors import SelectionError
from curation.selection.recipes import BY_GROUP, Recipe, needed_names, resolved
from curation.store.catalogue import Catalogue

DEFAULT_GROUPS = ("gold", "correct")
_CONTRASTED = {
    "influence-correct": ("correct",),
    "influence-incorrect": ("incorrect",),
    "influence-combined": ("correct", "incorrect"),
}


def resolve(catalogue: Catalogue, recipe: Recipe) -> Recipe:
    """Fill in what a recipe leaves open: the newest run that has what it reads, and the default group.

    Raises:
        SelectionError: There is no such run, or a group has too few queries.
    """
    if recipe.name == "random":
        return resolved(recipe, run_id=None, group=None)
    runs = _newest_runs(catalogue, recipe)
    grouped = recipe.name in BY_GROUP and recipe.group is None
    groups = DEFAULT_GROUPS if grouped else (recipe.group,)
    has = _groups_with_vectors(catalogue) if recipe.name == "rds+" else _score_names(catalogue)
    for run_id in runs:
        for group in groups:
            found = resolved(recipe, run_id=run_id, group=group)
            if _needs(found) <= has.get(run_id, set()):
                _refuse_small_groups(catalogue, found)
                return found
    raise SelectionError(_nothing_found(recipe, groups, runs, has))


def group_sizes(catalogue: Catalogue, run_id: str | None) -> dict[str, int]:
    """Number of queries in each group of the run; of the project where the run kept no embeddings of them."""
    for view, where in (("query_vectors", "WHERE run_id = ?"), ("queries", "WHERE ? IS NOT NULL")):
        sql = f'SELECT "group", count(DISTINCT query_id) FROM {view} {where} GROUP BY "group"'
        if sizes := catalogue.rows(sql, [run_id]):
            return dict(sizes)
    return {}


def _newest_runs(catalogue: Catalogue, recipe: Recipe) -> list[str]:
    """The run that the recipe names, or all runs, newest first."""
    runs = [
        row[0]
        for row in catalogue.rows("SELECT run_id FROM run ORDER BY finished DESC NULLS LAST, run_id DESC")
    ]
    if recipe.run_id is None:
        return runs
    if recipe.run_id not in runs:
        there = (
            f"the project has {', '.join(runs)}"
            if runs
            else "the project has none yet; `curation score` makes one"
        )
        raise SelectionError(f"There is no run {recipe.run_id!r}; {there}.")
    return [recipe.run_id]


def _needs(recipe: Recipe) -> set[str]:
    return {str(recipe.group)} if recipe.name == "rds+" else set(needed_names(recipe))


def _score_names(catalogue: Catalogue) -> dict[str, set[str]]:
    """Names of the scores that each run holds at least one value of."""
    has: dict[str, set[str]] = {}
    for run_id, name in catalogue.rows("SELECT DISTINCT run_id, name FROM scores WHERE value IS NOT NULL"):
        has.setdefault(run_id, set()).add(name)
    return has


def _groups_with_vectors(catalogue: Catalogue) -> dict[str, set[str]]:
    """Query groups that each run holds embeddings of, if it also holds embeddings of traces."""
    has: dict[str, set[str]] = {}
    sql = """SELECT DISTINCT run_id, "group" FROM query_vectors
             WHERE vector IS NOT NULL AND run_id IN (SELECT DISTINCT run_id FROM vectors)"""
    for run_id, group in catalogue.rows(sql):
        has.setdefault(run_id, set()).add(group)
    return has


def _nothing_found(
    recipe: Recipe, groups: tuple[str | None, ...], runs: list[str], has: dict[str, set[str]]
) -> str:
    """Say what was looked for, and what there is instead."""
    wants = [" and ".join(sorted(_needs(resolved(recipe, run_id=None, group=group)))) for group in groups]
    what = "embeddings of queries in group " if recipe.name == "rds+" else ""
    if not runs:
        needs = f"Recipe {recipe.name} needs {what}{' or '.join(wants)}"
        return f"{needs}, and nothing is scored yet; run `curation score`."
    there = sorted(set().union(*(has.get(run_id, set()) for run_id in runs)))
    where = f"Run {runs[0]}" if len(runs) == 1 else "No run"
    verb = "does not hold" if len(runs) == 1 else "holds"
    return (
        f"{where} {verb} {what}{' or '.join(wants)}, which recipe {recipe.name} needs; "
        f"there is {', '.join(there) or 'nothing of the kind'}: choose another recipe, or score again."
    )


def _refuse_small_groups(catalogue: Catalogue, recipe: Recipe) -> None:
    """A mean over two or three queries says more about them than about the traces."""
    sizes = group_sizes(catalogue, recipe.run_id)
    for group in _CONTRASTED.get(recipe.name, ()):
        if 0 < sizes.get(group, 0) < recipe.fewest_queries:
            raise SelectionError(
                f"Group {group} has {sizes[group]} queries, too few for recipe {recipe.name}; add some until "
                f"there are {recipe.fewest_queries}, or use recipe influence, which takes any group."
            )
