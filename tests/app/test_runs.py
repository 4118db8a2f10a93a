"""Runs under AppTest, and the processes that the app starts."""

import json
import time
from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from curation.store.project import Project, open_project
from curation.ui import jobs
from tests.app.looking import words

Open = Callable[..., AppTest]


def wait(job: jobs.Job) -> None:
    job.process.wait(timeout=60)


def test_a_run_is_described_with_coverage_stability_and_settings(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "runs")
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["Parameters attributed"] == "80.0%"
    assert figures["Not scored"] == "1"
    shown = words(app)
    for said in (
        "embeddings 200",
        "gold 0.93",
        "longer than the context",
        "damping: 0.1",
        "| factors | 30 s |",
    ):
        assert said in shown


def test_progress_of_a_job_is_shown_whoever_started_it(open_app: Open, project: Project) -> None:
    folder = project.root / "runs" / "20260103-000000-abc.part"
    folder.mkdir()
    said = {"stage": "scores", "done": 25, "total": 100, "tokens_per_second": 1234.5, "seconds_left": 75}
    (folder / "progress.json").write_text(json.dumps(said))
    app = open_app(project.root, "runs")
    text = app.get("progress")[0].proto.text.replace("\\", "").replace("\u2060", "")
    assert text == "20260103-000000-abc: scores, 25.0%, 1,234 tokens/s, 1 min 15 s left"
    (folder / "progress.json").write_text("{")
    assert not open_app(project.root, "runs").get("progress")


def test_a_start_without_a_model_is_refused(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "runs")
    app.button[-1].click().run()
    assert "Name a model" in app.error[0].value


def test_a_failed_job_shows_its_log_and_can_be_dismissed(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "runs")
    app.text_input(key="run_model").set_value(str(project.root / "no-such-model"))
    app.button[-1].click().run()
    job = jobs.job_of(open_project(project.root))
    assert job is not None
    wait(job)
    app.run()
    assert "ended with an error" in words(app)
    assert "no-such-model" in job.tail()
    app.button(key="dismiss").click().run()
    assert jobs.job_of(project) is None


def test_a_job_is_cancelled_as_by_ctrl_c(open_app: Open, project: Project) -> None:
    app = open_app(project.root, "runs")
    job = jobs.start(project, "sql", "SELECT count(*) FROM range(1000000000000) a, range(1000000) b")
    try:
        assert job.running
        time.sleep(0.2)
        app.run()
        app.button(key="cancel").click().run()
        wait(job)
        app.run()
        assert "was stopped" in words(app)
    finally:
        job.process.kill()
        jobs.forget(project)


def test_the_tail_is_what_a_terminal_would_show(project: Project) -> None:
    log = project.root / "x.log"
    log.write_bytes(b"one\r\n10%\r20%\r30%\ntwo\n\n\xff")
    assert jobs.tail(log, 3) == "30%\ntwo\n\ufffd"
    assert jobs.tail(project.root / "none.log", 3) == ""
