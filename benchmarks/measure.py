"""Seconds, processor seconds and peak memory of a command as a whole process, and what it ran on.

    python -m benchmarks.measure RESULT COMMAND...

runs one command and writes what it took to RESULT. `run` starts that as a process of its own, a small one: the
kernel counts a new process's largest resident set from that of whoever started it.
"""

import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DISTRIBUTIONS = ("torch", "transformers", "curation")


class BenchError(Exception):
    """A measured command failed."""


@dataclass(frozen=True)
class Measured:
    """What one process took, from its start to its end.

    Attributes:
        seconds: Wall time.
        cpu_seconds: User and system time over all threads, children that ended included.
        peak_bytes: Largest resident set, of the process or of one child.
        exit_code: 0 if it went well.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    exit_code: int


def run(command: list[str], log: Path, *, threads: int) -> Measured:
    """Run a command in the repository's root and measure it.

    Args:
        command: Program and arguments.
        log: Its standard output and, beside it with the ending .err, its standard error.
        threads: Of linear algebra.

    Raises:
        BenchError: It did not end with 0.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    result, errors = log.with_suffix(".measured.json"), log.with_suffix(".err")
    result.unlink(missing_ok=True)
    limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    with log.open("w") as out, errors.open("w") as err:
        subprocess.run(
            [sys.executable, "-m", "benchmarks.measure", str(result), *command],
            cwd=ROOT,
            env=os.environ | limits | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
            stdout=out,
            stderr=err,
            check=False,
        )
    measured = Measured(**json.loads(result.read_text())) if result.exists() else None
    if measured is None or measured.exit_code:
        lines = errors.read_text().strip().splitlines()
        code = measured.exit_code if measured else "unknown"
        raise BenchError(f"exit code {code}: {lines[-1][:300] if lines else 'no message'}")
    return measured


def measure(command: list[str]) -> Measured:
    """Run a command in this process's environment, as its child."""
    start = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    return Measured(
        seconds=time.perf_counter() - start,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_bytes=1024 * usage.ru_maxrss,
        exit_code=os.waitstatus_to_exitcode(status),
    )


def hardware(threads: int) -> dict[str, object]:
    """Facts about the machine that figures depend on; nothing that names it."""
    text = Path("/proc/cpuinfo").read_text()
    pairs = [line.split(":", 1) for line in text.splitlines() if ":" in line]
    fields = {name.strip(): value.strip() for name, value in pairs}
    flags = set(fields.get("flags", "").split())
    kinds = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": fields.get("model name", platform.machine()),
        "instructions": kinds,
        "cores": os.cpu_count(),
        "cores_used": len(os.sched_getaffinity(0)),
        "threads": threads,
        "memory_gb": round(memory / 1e9, 1),
    }


def versions() -> dict[str, str]:
    """Of Python, of what both engines stand on, and of this project with its commit."""
    found = {"python": platform.python_version()}
    for name in DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    if head := git("rev-parse", "--short", "HEAD"):
        found["commit"] = head + (" with changes" if git("status", "--porcelain", "--", "curation") else "")
    return found


def git(*arguments: str) -> str:
    """What a git command that changes nothing says; "" without a repository."""
    command = ["git", "--no-optional-locks", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def now() -> str:
    """This minute, in UTC."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M}"


def main() -> None:
    """Measure the command that is given, and write the figures down."""
    result, *command = sys.argv[1:]
    measured = measure(command)
    Path(result).write_text(json.dumps(asdict(measured)) + "\n")
    sys.exit(1 if measured.exit_code else 0)


if __name__ == "__main__":
    main()
