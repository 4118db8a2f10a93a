"""On the demo: what training showed on pools like it, from the shipped figures."""

import streamlit as st

from curation.demo.proved import Proved, ProvedRecipe
from curation.ui.format import MISSING
from curation.ui.markup import sentence, table

PARTS = {"all": "all flaws", "systematic": "systematic"}


def proved_table(found: Proved) -> None:
    """The gist in words, then a line a recipe."""
    st.markdown(sentence(found.words))
    shares = list(found.recipes[0].accuracy)
    columns = ["Recipe"]
    for share in shares:
        columns += [f"Right, {float(share):.0%} pruned", "minus random", "of the oracle's gain"]
    columns += [f"AUC, {words}" for words in PARTS.values()] + ["LDS"]
    st.markdown(table(columns, [_line(one, shares) for one in found.recipes]))
    worst = ", ".join(f"{name} {share:.0%}" for name, share in found.steps.items())
    st.caption(
        f"Means over {found.pools} pools that no setting was chosen on; differences are paired by pool, ± reaches to the ends of "
        f"their 95% interval. The oracle prunes the planted flaws first. The worst step of a flagged trace is the planted one by: {worst}. "
        "`make proof` computes it again."
    )


def _line(recipe: ProvedRecipe, shares: list[str]) -> list[str]:
    line = [recipe.name]
    for share in shares:
        line += [f"{recipe.accuracy[share]:.1%}", MISSING, MISSING]
        if share in recipe.minus_random:
            mean, low, high = recipe.minus_random[share]
            line[-2:] = [
                f"{100 * mean:+.1f}\u00a0±\u00a0{50 * (high - low):.1f}",
                f"{recipe.oracle_share[share]:.0%}",
            ]
    line += [f"{recipe.auc[kind]:.2f}" if kind in recipe.auc else MISSING for kind in PARTS]
    return [*line, MISSING if recipe.lds is None else f"{recipe.lds[0]:+.2f}"]
