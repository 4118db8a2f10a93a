"""A hub in miniature: a real HTTP server that speaks what a push says to the Hugging Face hub, and keeps what it got."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

TOKEN = "hf_aTokenForTests"


@dataclass
class Hub:
    """What the server holds and how it behaves.

    `private` is the visibility of its datasets, `files` what is in them; `commits` are the paths of each commit,
    `requests` what was asked with which token; `refuse` is the status with which it answers every write.
    """

    address: str = ""
    private: dict[str, bool] = field(default_factory=dict)
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    commits: list[list[str]] = field(default_factory=list)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    stored: dict[str, bytes] = field(default_factory=dict)
    refuse: int = 0
    large: str = ""  # files with this ending go apart from the commit, as large ones do
    ignored: str = ""  # its .gitignore names this ending
    bad_card: str = ""


@contextmanager
def running_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub at HF_ENDPOINT, and a token for it."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()


def without_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which huggingface_hub finds no token."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/nowhere/token")


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        path = self._note()
        repo = path.removeprefix("/api/datasets/").split("/revision/")[0]
        if repo not in self.hub.private:
            self._answer({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
            return
        private = self.hub.private[repo]
        self._answer({"id": repo, "private": private, "sha": self._oid(), "tags": [], "downloads": 0})

    def do_PUT(self) -> None:
        self.hub.stored[self._note().removeprefix("/store/")] = self._body()
        self._answer({})

    def do_POST(self) -> None:
        path, body = self._note(), self._body()
        if self.hub.refuse:
            self._answer({"error": "You may not."}, self.hub.refuse)
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            errors = [{"message": self.hub.bad_card}] if self.hub.bad_card else []
            self._answer({"errors": errors, "warnings": []}, 400 if errors else 200)
        elif path.endswith("/info/lfs/objects/batch"):
            self._answer(self._places(json.loads(body)), kind="application/vnd.git-lfs+json")
        else:
            repo, action, _ = path.removeprefix("/api/datasets/").rsplit("/", 2)
            {"preupload": self._preupload, "commit": self._commit, "paths-info": self._info}[action](
                repo, body
            )

    def _create(self, asked: dict[str, Any]) -> None:
        assert asked["type"] == "dataset"
        repo = f"{asked['organization']}/{asked['name']}"
        self.hub.private[repo], self.hub.files[repo] = asked["visibility"] == "private", {}
        self._answer({"url": f"{self.hub.address}/datasets/{repo}"})

    def _preupload(self, repo: str, body: bytes) -> None:
        answers = []
        for file in json.loads(body)["files"]:
            name = file["path"]
            there = self.hub.files[repo].get(name)
            answers.append(
                {
                    "path": name,
                    "uploadMode": "lfs" if self.hub.large and name.endswith(self.hub.large) else "regular",
                    "shouldIgnore": bool(self.hub.ignored) and name.endswith(self.hub.ignored),
                    "oid": None
                    if there is None
                    else hashlib.sha1(b"blob %d\0" % len(there) + there).hexdigest(),
                }
            )
        self._answer({"files": answers})

    def _places(self, asked: dict[str, Any]) -> dict[str, Any]:
        upload = [
            {**one, "actions": {"upload": {"href": f"{self.hub.address}/store/{one['oid']}"}}}
            for one in asked["objects"]
        ]
        return {"transfer": "basic", "objects": upload}

    def _commit(self, repo: str, body: bytes) -> None:
        lines = [json.loads(line) for line in body.splitlines()]
        new = {}
        for line in lines[1:]:
            value = line["value"]
            stored = line["key"] == "lfsFile"
            new[value["path"]] = (
                self.hub.stored[value["oid"]] if stored else base64.b64decode(value["content"])
            )
        self.hub.files[repo] |= new
        self.hub.commits.append(list(new))
        url = f"{self.hub.address}/datasets/{repo}/commit/{self._oid()}"
        self._answer({"commitUrl": url, "commitOid": self._oid()})

    def _info(self, repo: str, body: bytes) -> None:
        held = self.hub.files[repo]
        names = [name for name in parse_qs(body.decode())["paths"] if name in held]
        self._answer(
            [{"type": "file", "path": name, "size": len(held[name]), "oid": "0" * 40} for name in names]
        )

    def _oid(self) -> str:
        return f"{len(self.hub.commits):040x}"

    def _note(self) -> str:
        path = urlsplit(self.path).path
        self.hub.requests.append((self.command, path, self.headers.get("Authorization", "")))
        return path

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(
        self,
        value: object,
        status: int = 200,
        headers: dict[str, str] | None = None,
        kind: str = "application/json",
    ) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            **(headers or {}),
        }.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(content)
