"""How faithful the projection of gradients is: LESS with whole gradients, with ours, and with signs all independent.

    python -m benchmarks.sketch PROJECT MODEL [--traces 300]

At the last checkpoint of the model's training, with the project's queries; one line a projection and width.
"""

import argparse
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from scipy.stats import spearmanr
from torch import Tensor

from curation.models.linear import linear_modules
from curation.models.load import load_model
from curation.models.moments import Moments, read_checkpoints, read_moments
from curation.scoring.features import normalised
from curation.scoring.fused import batches_of, fused_pass
from curation.scoring.sketch import Sketch
from curation.scoring.slices import cut, read_slice
from curation.scoring.trace_gradients import TraceGradients
from curation.scoring.work import read_queries
from curation.store.catalogue import open_catalogue
from curation.store.project import open_project

WIDTHS = (512, 2048, 8192)
AT_ONCE = 4096


@dataclass(frozen=True)
class Whole(Sketch):
    """Keeps what it is given, by layer, in place of projecting it."""

    kept: dict[str, list[Tensor]] = field(default_factory=dict)

    def folded(self, name: str, x: Tensor) -> Tensor:
        """Keep (b, n) gradients."""
        self.kept.setdefault(name, []).append(x.clone())
        return x.new_zeros(len(x), self.width)


def independent(gradients: Tensor, width: int, seed: int) -> Tensor:
    """(P, n) -> (P, width) by a matrix of independent signs, some columns at a time."""
    generator = torch.Generator().manual_seed(seed)
    found = torch.zeros(len(gradients), width)
    for start in range(0, gradients.shape[1], AT_ONCE):
        part = gradients[:, start : start + AT_ONCE]
        signs = torch.randint(0, 2, (part.shape[1], width), generator=generator, dtype=torch.int8)
        found += part @ (signs.float() * 2 - 1)
    return found / width**0.5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="how faithful is the projection?")
    parser.add_argument("project", type=Path)
    parser.add_argument("model")
    parser.add_argument("--traces", type=int, default=300)
    args = parser.parse_args()
    torch.set_num_threads(1)
    catalogue = open_catalogue(open_project(args.project))
    checkpoint = read_checkpoints(args.model)[-1]
    model = load_model(str(checkpoint.folder), device="cpu")
    modules = linear_modules(model)
    ids = [trace_id for part in cut(catalogue) for trace_id, _ in part]
    ids = ids[:: max(1, len(ids) // args.traces)]
    pool = read_slice(catalogue, model, ids, template=catalogue.project.template, max_tokens=0).encoded
    queries = read_queries(catalogue, model)

    def whole(encoded: list, moments: Moments | None) -> dict[str, Tensor]:  # type: ignore[type-arg]
        sketch = Whole(2, 0)
        gradients = TraceGradients.of(sketch, len(encoded), model.dtype, model.device, moments)
        order: list[int] = []
        for batch in batches_of(model, encoded, 2048):
            fused_pass(model, batch, [gradients], modules)
            order += batch.order
        places = torch.tensor(order).argsort()
        return {name: torch.cat(parts)[places] for name, parts in sketch.kept.items()}

    steps = whole(pool, read_moments(checkpoint, modules, model.dtype, model.device))
    targets = whole(queries.encoded, None)
    members = [query.group == queries.groups[0] for query in queries.queries]

    def scores(one: Tensor, other: Tensor) -> Tensor:
        return (normalised(one) @ normalised(other).T)[:, torch.tensor(members)].mean(1)

    flat, asked = (torch.cat(list(by_layer.values()), 1) for by_layer in (steps, targets))
    exact = scores(flat, asked)
    print(f"{len(pool)} traces, {len(queries.queries)} queries, {flat.shape[1]:,} weights")
    for width in WIDTHS:
        sketch = Sketch(width, 0)
        for label, project in (
            ("ours", lambda g, _, s=sketch: s.mixed(sum(s.folded(n, x) for n, x in g.items()))),
            ("independent signs", lambda _, g, w=width: independent(g, w, 0)),
        ):
            began = time.perf_counter()
            found = scores(project(steps, flat), project(targets, asked))
            taken = time.perf_counter() - began
            error = float((found - exact).square().mean().sqrt() / exact.std())
            rank = spearmanr(found, exact).statistic
            print(f"{label:<18}{width:>6}  Spearman {rank:.4f}  error {error:.3f}  {taken:.2f} s")


if __name__ == "__main__":
    main()
