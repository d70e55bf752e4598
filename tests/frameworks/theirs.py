"""A framework's tests that are in a wheel of it, as they are."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from zipfile import ZipFile

import pytest


def module_in_wheel(requirement: str, name: str) -> ModuleType:
    """
    The module *name*, also of another release than the one that is installed, which it is a test of.

    Its assertions say what they compare, as those of pytest's own modules.
    """
    folder = Path(sys.prefix) / "wheels" / requirement
    if not folder.exists():
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-input", "-d", str(folder)]
        subprocess.run([*command, "--disable-pip-version-check", requirement], check=True)
    pytest.register_assert_rewrite(name)
    (wheel,) = folder.glob("*.whl")
    file = Path(f"{name.replace('.', '/')}.py")
    ZipFile(wheel).extract(file.as_posix(), folder)
    spec = spec_from_file_location(name, folder / file)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
