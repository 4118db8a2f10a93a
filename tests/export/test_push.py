"""What a push sends to the hub, and how it refuses; the hub is a real server in miniature."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.cli import main
from curation.errors import ExportError, PushError
from curation.export.card import card_path
from curation.export.formats import FORMATS
from curation.export.manifest import manifest_path
from curation.export.push import push
from curation.export.write import export
from curation.selection.recipes import Recipe
from curation.selection.saved import save_selection
from curation.store.project import Project
from tests.hub import TOKEN, Hub, running_hub, without_token
from tests.projects import add_run, project_of

IDS = [f"trace-{i:02d}" for i in range(20)]
REPO = "me/half-of-it"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub(monkeypatch) as hub:
        yield hub


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = project_of(tmp_path / "p", IDS)
    add_run(project, "r1", {"influence/gold": {trace_id: float(i) for i, trace_id in enumerate(IDS)}})
    save_selection(project, "half", Recipe("influence"))
    return project


@pytest.fixture
def path(project: Project) -> Path:
    path = project.root / "exports" / "half.jsonl"
    export(project, "half", "messages", path)
    return path


def on_disk(path: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes(),
        f"{path.name}.manifest.json": manifest_path(path).read_bytes(),
        "README.md": card_path(path).read_bytes(),
    }


def test_one_commit_holds_the_export_byte_for_byte(hub: Hub, path: Path) -> None:
    done = push(path, REPO)
    assert hub.files == {REPO: on_disk(path)}
    assert hub.private == {REPO: True}
    assert [sorted(names) for names in hub.commits] == [sorted(on_disk(path))]
    # The client asks for a list of its own as well, once in a while and as nobody.
    asked = [request for request in hub.requests if request[1] != "/api/agent-harnesses"]
    assert {token for _, _, token in asked} == {f"Bearer {TOKEN}"}
    assert (done.url, done.private, done.rows) == (f"{hub.address}/datasets/{REPO}", True, 10)
    assert done.commit.startswith(done.url)
    assert TOKEN not in repr(done)


def test_a_large_file_goes_apart_and_arrives_the_same(
    hub: Hub, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    hub.large = ".jsonl"
    push(path, REPO)
    assert hub.files == {REPO: on_disk(path)}
    assert list(hub.stored.values()) == [path.read_bytes()]
    assert len(hub.commits) == 1


@pytest.mark.parametrize("format", FORMATS)
def test_what_was_pushed_loads_as_a_dataset(hub: Hub, project: Project, tmp_path: Path, format: str) -> None:
    from datasets import load_dataset

    ending = "parquet" if format == "parquet" else "jsonl"
    path = project.root / "exports" / f"half é [1].{ending}"
    export(project, "half", format, path)
    push(path, REPO)
    folder = tmp_path / "fetched"
    folder.mkdir()
    for name, content in hub.files[REPO].items():
        (folder / name).write_bytes(content)
    loaded = load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 10}


def test_public_is_what_must_be_asked_for(hub: Hub, path: Path) -> None:
    assert not push(path, REPO, private=False).private
    assert hub.private == {REPO: False}


@pytest.mark.parametrize("private", [True, False])
def test_a_dataset_of_other_visibility_is_left_alone(hub: Hub, path: Path, private: bool) -> None:
    hub.private[REPO], hub.files[REPO] = not private, {}
    with pytest.raises(PushError, match="is there already and is"):
        push(path, REPO, private=private)
    assert hub.files == {REPO: {}}
    assert not hub.commits


def test_again_changes_nothing_and_a_new_export_is_a_new_commit(
    hub: Hub, project: Project, path: Path
) -> None:
    hub.private[REPO], hub.files[REPO] = True, {"notes.txt": b"mine"}
    push(path, REPO)
    push(manifest_path(path), REPO)
    assert len(hub.commits) == 1
    save_selection(project, "half", Recipe("influence", keep=0.2))
    export(project, "half", "messages", path, overwrite=True)
    push(path, REPO)
    assert hub.files == {REPO: {"notes.txt": b"mine", **on_disk(path)}}
    assert len(hub.commits) == 2


def test_a_changed_export_goes_nowhere(hub: Hub, path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(ExportError, match=r"Nothing was pushed, since .*half\.jsonl does not verify"):
        push(path, REPO)
    assert not hub.requests


@pytest.mark.parametrize("missing", ["half.jsonl", "half.jsonl.manifest.json", "half.jsonl.card.md"])
def test_a_missing_file(hub: Hub, path: Path, missing: str) -> None:
    path.with_name(missing).unlink()
    with pytest.raises(ExportError, match=rf"{missing}.* is missing.*export again"):
        push(path, REPO)
    assert not hub.requests


def test_a_file_that_the_hub_ignores_is_not_passed_over(hub: Hub, path: Path) -> None:
    hub.ignored = ".jsonl"
    with pytest.raises(
        PushError, match=r"half\.jsonl did not arrive in me/half-of-it; look at its \.gitignore"
    ):
        push(path, REPO)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "does not accept the token"),
        (403, "may not write me/half-of-it"),
        (422, r"\(422, You may not\.\)"),
    ],
)
def test_a_hub_that_refuses(hub: Hub, path: Path, status: int, said: str) -> None:
    hub.refuse = status
    with pytest.raises(PushError, match=said) as failed:
        push(path, REPO)
    assert TOKEN not in str(failed.value)
    assert not hub.files


def test_a_card_that_the_hub_does_not_accept(hub: Hub, path: Path) -> None:
    hub.bad_card = "license is not one"
    with pytest.raises(PushError, match=r"does not accept the card .*license is not one"):
        push(path, REPO)
    assert not hub.commits


def test_a_hub_out_of_reach(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(PushError, match=r"http://127\.0\.0\.1:9 failed .*check the network and HF_ENDPOINT"):
        push(path, REPO)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(PushError, match="HF_HUB_OFFLINE is set"):
        push(path, REPO)


def test_no_token(hub: Hub, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_token(monkeypatch)
    with pytest.raises(PushError, match="set HF_TOKEN to one with write access"):
        push(path, REPO)
    monkeypatch.setenv("HF_TOKEN", "hf_sécret")
    with pytest.raises(PushError, match="set HF_TOKEN again") as failed:
        push(path, REPO)
    assert "cret" not in str(failed.value)
    assert not hub.requests


@pytest.mark.parametrize(
    "repo", ["", "half", "a/b/c", "me/", "me/a b", "me/a..b", "me/-a", "me/a.git", "mé/a"]
)
def test_what_is_no_name(hub: Hub, path: Path, repo: str) -> None:
    with pytest.raises(PushError, match="use OWNER/NAME"):
        push(path, repo)
    assert not hub.requests


def test_the_command(hub: Hub, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["push", str(path), *arguments])
        return int(stop.value.code or 0), *capsys.readouterr()

    status, out, _ = run(REPO, "--json")
    assert (status, json.loads(out)["private"], json.loads(out)["files"]) == (0, True, list(on_disk(path)))
    status, out, _ = run("me/open", "--public")
    assert (status, out) == (0, f"Pushed 10 traces to {hub.address}/datasets/me/open (public).\n")
    assert hub.private == {REPO: True, "me/open": False}
    assert run("half")[0] == 2
    hub.refuse = 403
    status, out, err = run("me/another")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "may not write me/another" in err
