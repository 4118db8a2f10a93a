"""Rollouts at a real server, which answers some problems right, dies, and comes back."""

import pytest

from curation.errors import ModelError
from curation.models.sampling import Sampling
from curation.models.server import Server
from curation.store.kept_answers import Answer, read_answers
from curation.store.project import Project
from curation.validation.answers import Asking
from curation.validation.problems import read_problems
from curation.validation.rollouts import RolledOut, Serving, rollouts
from tests.completions import NAME, Body, Served, serving

ASKING = Asking(max_new_tokens=40)


@pytest.fixture
def solutions(problems_file: str) -> dict[str, str]:
    return {f"{one.prompt}\n": one.solution for one in read_problems(problems_file)}


def ask_at(
    server: Served, project: Project, problems: str, model: str, sampling: Sampling | None = None
) -> RolledOut:
    place = Server(server.url, waits=(0.01, 0.01, 0.01, 0.01))
    given = Serving(place, NAME, requests=4)
    return rollouts(
        project,
        problems,
        model=model,
        asking=ASKING,
        sampling=sampling or Sampling(),
        contrast=True,
        serving=given,
    )


def answers_of(project: Project) -> list[Answer]:
    (path,) = (project.root / "rollouts").glob("*.jsonl")
    return sorted(read_answers(path), key=lambda one: one.key)


def test_answers_are_graded_and_become_groups(
    project: Project, base: str, problems_file: str, solutions: dict[str, str]
) -> None:
    prompts = list(solutions)

    def said(body: Body) -> tuple[str, str]:
        right = prompts.index(body["prompt"]) % 2 == 0
        return (solutions[body["prompt"]], "stop") if right else ("The answer is 1000.", "stop")

    with serving(said) as server:
        done = ask_at(server, project, problems_file, base)
        assert done.added == {"correct": 12, "incorrect": 12, "contrast": 24}
        again = ask_at(server, project, problems_file, base)
        assert again.added == dict.fromkeys(done.added, 0)
        assert len(server.asked) == 24
    assert again.model == done.model
    assert (done.model.model, done.model.correct, done.model.cut_off) == (NAME, 12, 0)
    assert {one.revision.split()[0] for one in answers_of(project)} == {server.url}


def test_half_of_the_requests_fail_and_every_answer_comes(
    project: Project, base: str, problems_file: str
) -> None:
    with serving(lambda body: ("The answer is 3.", "stop")) as server:
        server.failing = lambda body, before: 503 if before == 0 else None
        assert ask_at(server, project, problems_file, base).model.problems == 24
        assert sum(server.before.values()) == 2 * len(server.asked) == 48


def test_a_server_that_dies_on_the_way_is_asked_for_the_rest_alone(
    project: Project, base: str, problems_file: str
) -> None:
    sampling = Sampling(2, temperature=0.7, seed=3)
    with serving(lambda body: (f"The answer is {body['seed']}.", "length")) as server:
        server.failing = lambda body, before: 503 if len(server.asked) >= 20 else None
        with pytest.raises(ModelError, match="it continues"):
            ask_at(server, project, problems_file, base, sampling)
        kept = answers_of(project)
        before = len(server.asked)
        assert 20 <= len(kept) == before < 24
        server.failing = lambda body, before: None
        done = ask_at(server, project, problems_file, base, sampling)
        assert len(server.asked) - before == 48 - len(kept)
    answers = answers_of(project)
    assert (len(answers), done.model.cut_off) == (48, 48)
    assert {one.key: one for one in kept}.items() <= {one.key: one for one in answers}.items()
    for one in answers:
        seed = sampling.seed_of(one.problem_id, one.sample)
        assert one.completion == f"The answer is {seed}."


def test_garbage_is_no_answer_and_nothing_of_it_is_kept(
    project: Project, base: str, problems_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with serving(lambda body: ("", "stop")) as server:
        server.replied = b'{"choices": 7}'
        with pytest.raises(ModelError, match="does not answer as OpenAI's completions interface says"):
            ask_at(server, project, problems_file, base)
        assert answers_of(project) == []
        server.replied = None
        ask_at(server, project, problems_file, base)
    for path in project.root.rglob("*"):
        assert path.is_dir() or b"sk-secret" not in path.read_bytes()


def test_an_adapter_is_the_servers_own(project: Project, base: str, problems_file: str) -> None:
    given = Serving(Server("http://localhost:1/v1"))
    with pytest.raises(ModelError, match="--served-name"):
        rollouts(project, problems_file, model=base, adapter="a", serving=given)
