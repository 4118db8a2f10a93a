"""What the app loads before its first page is on the screen."""

import json
import subprocess
import sys
from pathlib import Path

import curation.ui

SLOW = ("torch", "transformers", "datasets", "sklearn", "scipy", "math_verify", "umap")


def test_no_module_of_the_app_loads_what_only_computing_needs() -> None:
    (folder,) = curation.ui.__path__
    names = [
        f"curation.ui.{path.stem}" for path in sorted(Path(folder).glob("*.py")) if path.stem != "__init__"
    ]
    code = f"import sys, json, {', '.join(names)}; print(json.dumps([one for one in {SLOW} if one in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []
    assert "curation.ui.reader" in names
