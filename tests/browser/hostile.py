"""Hostile text in every place of a project that people or models write to."""

import json

from curation.selection.recipes import Recipe
from curation.selection.saved import save_selection
from curation.store.database import connect
from curation.store.decisions import decide
from curation.store.project import Project
from curation.store.saved_views import save_view
from curation.store.search import Search
from curation.store.view import View
from tests.app.answers import answers, keep_answers
from tests.app.project import HOSTILE, lines_of, texts
from tests.app.test_proof import keep_comparison


def hostile_traces() -> list[str]:
    """Ids of the traces that are hostile."""
    return [trace.trace_id for trace in texts(60)[-len(HOSTILE) :]]


def make_hostile(project: Project) -> None:
    """Beside the hostile traces: the run's model and settings, queries, reasons, notes, reviewers, a view, answers."""
    with connect(project.runs[0]) as run:
        run.execute("UPDATE run SET model = ?, adapter = ?", [HOSTILE[0], HOSTILE[1]])
        run.execute("UPDATE run SET parameters = ?", [json.dumps({"$x_1$": ":red[x] <b>"})])
        run.execute("UPDATE unscored SET reason = ?", [HOSTILE[3]])
    with connect(project.queries[0]) as queries:
        queries.execute("UPDATE queries SET prompt = ?, completion = ?", [HOSTILE[1], HOSTILE[5]])
    for place, (trace_id, text) in enumerate(zip(hostile_traces(), HOSTILE, strict=True)):
        decide(project, [trace_id], "keep" if place % 2 else "veto", reason=text, note=text, actor=text)
    start, stop = lines_of(HOSTILE[6])[0]
    decide(project, hostile_traces()[6:], "veto", reason=HOSTILE[0], actor=HOSTILE[1], step=(start, stop))
    save_selection(project, "most", Recipe("influence", keep=0.9, group="gold"))
    save_selection(project, "plain", Recipe("bottom-ppl", keep=0.5))
    keep_comparison(project, HOSTILE[0], HOSTILE)
    keep_answers(project, "tuned", answers()[5:])
    keep_answers(project, "base", answers()[5:])
    save_view(project, "found", View("influence/gold", search=Search(HOSTILE[3][:30])))
