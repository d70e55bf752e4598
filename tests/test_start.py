"""A start that a person does not notice: what is imported, when, and on which thread."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# What a turn on an existing table does without.
SDK = {"aioboto3", "aiobotocore", "boto3", "botocore", "aiohttp", "urllib3", "requests"}


def modules_after(program: str) -> set[str]:
    """The top-level modules of a fresh process that ran *program*."""
    shown = f"{program}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", shown], check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_imports_no_sdk() -> None:
    """Nor aiohttp, nor what either brings."""
    assert modules_after("import dynadb_async") & SDK == set()


FRAMEWORKS = {"aiohttp", "fastapi", "opentelemetry", "pytest", "moto", *SDK}


@pytest.mark.parametrize(
    ("module", "own"),
    [
        ("fastapi", {"fastapi"}),
        ("aiohttp", {"aiohttp"}),
        ("opentelemetry", {"opentelemetry"}),
        ("platforms", set[str]()),
        ("platforms.alexa", set[str]()),
        ("platforms.dialogflow_cx", set[str]()),
        ("platforms.messenger", set[str]()),
        ("testing", set[str]()),
        ("pytest_plugin", {"pytest"}),
    ],
)
def test_a_frameworks_file_imports_its_own_framework_only(module: str, own: set[str]) -> None:
    """And what that brings itself."""
    brought = set.union(set(), *(modules_after(f"import {name}") for name in own))

    assert (modules_after(f"import dynadb_async.{module}") & FRAMEWORKS) - brought <= own
