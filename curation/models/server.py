"""A server with OpenAI's interface: JSON over HTTP, tried again where that may help, with sentences for what fails."""

import contextlib
import http.client
import json
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from curation.errors import ModelError

KEY = "OPENAI_API_KEY"
TIMEOUT = 600.0
# Seconds before each further try.
WAITS = (0.5, 1.0, 2.0, 4.0)
_SHOWN = 200


@dataclass(frozen=True)
class Server:
    """Where a model is served.

    Attributes:
        url: Up to the version, as in http://localhost:8000/v1.
        timeout: Seconds that a reply may take.
        waits: Seconds before each further try, after a lost connection, a status of 5xx or 429.
    """

    url: str
    timeout: float = TIMEOUT
    waits: tuple[float, ...] = WAITS

    def __post_init__(self) -> None:
        """Refuse what is no address.

        Raises:
            ModelError: It is none, or it holds a password, which would be written into files.
        """
        if "@" in self.url:
            raise ModelError(f"A server's address holds no password; put the key into {KEY}.")
        try:
            parts = urlsplit(self.url)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good or "?" in self.url or "#" in self.url:
            raise ModelError(f"{self.url!r} is no server; give its address, as in http://localhost:8000/v1.")
        if self.timeout <= 0:
            raise ModelError("The time that a reply may take must be above 0 seconds.")

    def get(self, path: str) -> Any:
        """What the server says under a path, as parsed JSON.

        Raises:
            ModelError: It cannot be reached, refuses, or answers with something else.
        """
        return self._ask(path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """What the server replies to a body of JSON; raises like `get`."""
        return self._ask(path, json.dumps(body).encode())

    def _ask(self, path: str, body: bytes | None) -> Any:
        for wait in (*self.waits, None):
            try:
                return _parsed(self._reply(path, body), self.url)
            except urllib.error.HTTPError as error:
                failure = self._refusal(error)
                passes = error.code >= 500 or error.code == 429
            except (OSError, http.client.HTTPException) as error:
                failure, passes = self._lost(error)
            if wait is None or not passes:
                raise failure
            time.sleep(wait)
        raise AssertionError("the last try ends the loop")

    def _reply(self, path: str, body: bytes | None) -> bytes:
        request = urllib.request.Request(f"{self.url.rstrip('/')}/{path}", body)
        request.add_header("Content-Type", "application/json")
        if key := os.environ.get(KEY, "").strip():
            if not (key.isascii() and key.isprintable()):
                raise ModelError(f"{KEY} holds characters that no key has; set it anew.")
            # Not sent along to wherever the server redirects to.
            request.add_unredirected_header("Authorization", f"Bearer {key}")
        with urllib.request.urlopen(request, timeout=self.timeout) as reply:
            content: bytes = reply.read()
        return content

    def _lost(self, error: Exception) -> tuple[ModelError, bool]:
        """What to say where no reply came, and whether another try may help."""
        cause = getattr(error, "reason", error)
        if isinstance(cause, TimeoutError):
            slow = (
                f"The server {self.url} gave no reply within {self.timeout:g} seconds; ask fewer at a time "
                "(--requests) or wait longer (--timeout), and repeat the command: it continues."
            )
            return ModelError(slow), False
        away = (
            f"The server {self.url} cannot be reached ({str(cause) or type(cause).__name__}); start it, or see "
            "that --server names it, and repeat the command: it continues."
        )
        return ModelError(away), True

    def _refusal(self, error: urllib.error.HTTPError) -> ModelError:
        if error.code in (401, 403):
            return ModelError(f"The server {self.url} refuses the key; put a valid one into {KEY}.")
        said = ""
        with error, contextlib.suppress(OSError, http.client.HTTPException):
            said = " ".join(error.read(10_000).decode(errors="replace").split())[:_SHOWN]
        way_out = (
            "repeat the command when it is well: it continues"
            if error.code >= 500 or error.code == 429
            else "see that --server is its address up to /v1, and what its own log says"
        )
        return ModelError(
            f"The server {self.url} answers HTTP {error.code} ({said or 'no words'}); {way_out}."
        )


def strange(url: str, said: object) -> ModelError:
    """What to raise where a reply is not what OpenAI's interface says."""
    return ModelError(
        f"The server {url} does not answer as OpenAI's completions interface says "
        f"({' '.join(str(said).split())[:_SHOWN]!r}); see that --server is the address of such a server."
    )


def _parsed(content: bytes, url: str) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        raise strange(url, content.decode(errors="replace")) from None
