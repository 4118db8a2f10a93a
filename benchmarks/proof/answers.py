"""The base model's answers to the pool's own problems, for the scores that ask how difficult these are."""

from benchmarks.proof.plan import ANSWERS
from curation.demo.make_base import BASE
from curation.demo.pool import Pool
from curation.models.load import load_model
from curation.scoring.progress import Reporter
from curation.store.kept_answers import FOLDER
from curation.store.project import Project
from curation.validation.answers import Asking, ask
from curation.validation.problems import Problem


def sample_answers(project: Project, pool: Pool) -> None:
    """Sample and keep them, graded by the problems' right answers; they become no queries.

    A trace is graded by the answer that it came with, so that nothing here says which traces are flawed.
    """
    problems = [Problem(prompt, answer, answer) for prompt, answer in pool.right.items()]
    (project.root / FOLDER).mkdir(exist_ok=True)
    report = Reporter(project.root / FOLDER / "progress.json")
    ask(
        project,
        load_model(str(BASE), device="cpu"),
        problems,
        asking=Asking(96),
        sampling=ANSWERS,
        report=report,
    )
