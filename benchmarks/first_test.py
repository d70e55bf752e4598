"""
How long it takes from a clone to a first test of one's own that passes: `python -m benchmarks.first_test`.

The clone is of this repository; the app and its test are those of the manual's first page. pip installs what it finds,
so the figure holds for this machine, and for what pip has in its cache.
"""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

REPOSITORY = Path(__file__).parent.parent
BLOCK = re.compile(r'^```python title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@contextmanager
def timed(step: str) -> Iterator[None]:
    """Say how long the block took."""
    began = time.monotonic()
    yield
    print(f"{step:<32} {time.monotonic() - began:6.1f} s", flush=True)


def run(*command: str, cwd: Path) -> None:
    """Run *command*; what it says is shown if it fails."""
    ended = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{ended.stdout}")


def main(folder: Path) -> None:
    """All steps, as a person would take them."""
    clone, app, python = folder / "clone", folder / "app", folder / "venv" / "bin" / "python"
    app.mkdir()
    with timed("from clone to a passing test"):
        with timed("  clone"):
            run("git", "clone", "--quiet", "--depth=1", REPOSITORY.as_uri(), str(clone), cwd=folder)
        with timed("  venv"):
            run(sys.executable, "-m", "venv", "venv", cwd=folder)
        with timed("  pip install [fastapi,testing]"):
            pins = ("-c", str(clone / "constraints.txt"))
            run(str(python), "-m", "pip", "install", "-q", *pins, f"{clone}[fastapi,testing]", "uvicorn", cwd=folder)
        for name, text in BLOCK.findall((clone / "docs" / "index.md").read_text()):
            (app / name).write_text(text)
        with timed("  pytest"):
            run(str(python), "-m", "pytest", "-q", cwd=app)


if __name__ == "__main__":
    with TemporaryDirectory() as name:
        main(Path(name))
