"""Whether two mathematical expressions are equal, by math-verify in a process of its own.

math-verify limits its time with a signal, which works on a main thread only and waits for long sums to end; a
process can be asked from any thread, and killed.
"""

import contextlib
import json
import select
import subprocess
import sys
import threading

SECONDS = 5.0
STARTING_SECONDS = 60.0
_MEMORY_BYTES = 4 * 2**30
_READY = "ready"


class _Checker:
    """The process, started at first use and after each answer that took too long."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def ask(self, reference: str, answer: str, seconds: float) -> bool:
        with self._lock:
            try:
                process = self._started()
                assert process.stdin is not None
                process.stdin.write(json.dumps([reference, answer]) + "\n")
                process.stdin.flush()
                said = _line(process, seconds)
            except OSError:
                said = ""
            if not said:
                self._stop()
            return said == "true"

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            if _line(self._process, STARTING_SECONDS) != _READY:
                raise OSError("the process did not start")
        return self._process

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


_CHECKER = _Checker()


def equivalent(reference: str, answer: str, *, seconds: float = SECONDS) -> bool:
    """Whether two LaTeX or plain expressions are mathematically equal; False where that cannot be told in time.

    Safe from any thread, and never raises.
    """
    return _CHECKER.ask(reference, answer, seconds)


def _line(process: "subprocess.Popen[str]", seconds: float) -> str:
    """The process's next line; "" if there is none in time. It writes one short line a question, never two."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    return process.stdout.readline().strip() if ready else ""


def _serve() -> None:
    """Answer questions from stdin, one a line, until it closes."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    from math_verify import parse, verify

    print(_READY, flush=True)
    for line in sys.stdin:
        equal = False
        with contextlib.suppress(Exception):
            reference, answer = (
                parse(rf"\boxed{{{text}}}", parsing_timeout=None) for text in json.loads(line)
            )
            equal = verify(reference, answer, timeout_seconds=None)
        print("true" if equal else "false", flush=True)


if __name__ == "__main__":
    _serve()
