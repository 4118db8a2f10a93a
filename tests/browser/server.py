"""The app as a server of its own, and the browser that looks at it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
]


def start_app(project: Path, port: int = 0) -> tuple[subprocess.Popen[bytes], str]:
    """Start the app on a project folder, at a free port if none is named; give the server and its address."""
    if not port:
        with socket.socket() as probe:
            probe.bind(("localhost", 0))
            port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    server = subprocess.Popen([*command, "--", str(project)], cwd=ROOT)
    address = f"http://localhost:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health")
            return server, address
        except OSError:
            assert time.monotonic() < deadline, "the app did not start"
            time.sleep(0.2)


def chromium() -> str:
    """Debian's browser, or the one that CHROMIUM names."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "install Debian's chromium, or name a browser in CHROMIUM"
    return found
