"""The demo with a concept on it, which the demo itself has not: filler against plain solutions, of its own pool."""

import json
import shutil
from pathlib import Path

from curation.scoring.concepts.make import ConceptRequest, make_concept
from curation.scoring.request import SCORES, ScoreRequest
from curation.scoring.score import score
from curation.store.project import open_project

EACH = 20


def with_concept(demo: Path, copy: Path) -> Path:
    """Copy the demo's project, make the concept, and score it there; gives the copy."""
    project = open_project(Path(shutil.copytree(demo, copy)))
    rows = [json.loads(line) for line in (copy / "demo" / "pool.jsonl").read_text().splitlines()]
    model, sides = str(copy / "demo" / "model"), []
    for planted in ("filler", "none"):
        side = copy / f"{planted}.jsonl"
        chosen = [row for row in rows if row["planted"] == planted][:EACH]
        side.write_text(
            "\n".join(json.dumps({key: row[key] for key in ("prompt", "response")}) for row in chosen)
        )
        sides.append(str(side))
    make_concept(project, ConceptRequest("filler", model, positive=sides[0], negative=sides[1]))
    score(project, ScoreRequest(model, scores=(*SCORES, "concept", "concept-vector")))
    return copy
