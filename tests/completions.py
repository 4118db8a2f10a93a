"""A real HTTP server with OpenAI's completions interface, which answers by a fixed rule, and fails as it is told to."""

import contextlib
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
NAME = "served"


class Served(ThreadingHTTPServer):
    """Keeps what it was asked.

    Attributes:
        said: A request's body -> (text, finish_reason).
        failing: (body, how often this body came before) -> a status, or None where it answers.
        replied: What it sends in place of JSON as it should be; None for the right thing.
        asked: Every body that was answered.
        keys: Every Authorization header that came.
    """

    daemon_threads = True

    def __init__(self, said: Callable[[Body], tuple[str, str]], room: int | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.said, self.room = said, room
        self.failing: Callable[[Body, int], int | None] = lambda body, before: None
        self.replied: bytes | None = None
        self.asked: list[Body] = []
        self.keys: list[str | None] = []
        self.before: Counter[str] = Counter()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    """GET /v1/models and POST /v1/completions."""

    server: Served

    def do_GET(self) -> None:
        self.server.keys.append(self.headers["Authorization"])
        row = {"id": NAME, "object": "model"}
        if self.server.room is not None:
            row["max_model_len"] = self.server.room  # type: ignore[assignment]
        self.send(200 if self.path == "/v1/models" else 404, {"object": "list", "data": [row]})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        body = json.loads(raw)
        with self.server.lock:
            self.server.keys.append(self.headers["Authorization"])
            before = self.server.before[raw.decode()]
            self.server.before[raw.decode()] += 1
        if status := self.server.failing(body, before):
            self.send(status, {"error": {"message": "as told"}})
            return
        text, reason = self.server.said(body)
        with self.server.lock:
            self.server.asked.append(body)
        choice = {"index": 0, "text": text, "finish_reason": reason, "logprobs": None}
        self.send(200, {"object": "text_completion", "choices": [choice], "usage": {"completion_tokens": 7}})

    def send(self, status: int, reply: Any) -> None:
        content = json.dumps(reply).encode()
        if self.command == "POST" and status == 200 and self.server.replied is not None:
            content = self.server.replied
        with contextlib.suppress(ConnectionError):  # Who asked may be gone.
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving(said: Callable[[Body], tuple[str, str]], room: int | None = None) -> Iterator[Served]:
    """A server for the time of a test."""
    server = Served(said, room)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
