"""What mypy says of a file where its framework is installed."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def problems_in(file: str) -> str:
    """Nothing, if all is well."""
    # Without the stubs that stand for the frameworks elsewhere.
    options = ("--strict", "--config-file=", "--explicit-package-bases", f"--cache-dir={sys.prefix}/mypy")
    command = [sys.executable, "-m", "mypy", *options, "--no-error-summary", "--follow-imports=silent", file]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr
