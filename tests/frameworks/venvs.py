"""A venv for each framework, on top of the one that runs the tests: only what the framework brings is installed."""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
from pathlib import Path

from attrs import frozen

from tests.frameworks.suites import Suite

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / ".venv-frameworks"
HERE = Path(__file__).parent
PIP = ("-m", "pip", "--disable-pip-version-check", "-q")


class MissingError(Exception):
    """A framework, or its tests, can't be had."""


@frozen
class Venv:
    """
    A framework in a venv of its own.

    Attributes:
        suite: Which.
        is_newest: Its newest release, rather than the one that must work.
    """

    suite: Suite
    is_newest: bool = False

    @property
    def folder(self) -> Path:
        """Where everything of it is, and nothing of it is committed."""
        return FOLDER / (self.suite.name + ("-newest" if self.is_newest else ""))

    @property
    def packages(self) -> Path:
        """Where it has what is installed."""
        return self.folder / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)

    def version(self) -> str:
        """The release that is installed."""
        ask = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
        return self.run("-c", ask, self.suite.name).stdout.strip()

    def newest(self) -> str:
        """
        The newest release that there is; nothing is installed for it.

        Raises:
            MissingError: There is none.
        """
        ask = ("install", "--dry-run", "--no-deps", "--ignore-installed", "--no-input", "--report", "-")
        command = [sys.executable, *PIP, *ask, self.suite.name]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise MissingError(ended.stderr)
        found: str = json.loads(ended.stdout)["install"][0]["metadata"]["version"]
        return found

    def run(self, *arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
        """Run the venv's Python, with what it says in `stdout`."""
        # A framework's tests have a `tests` of their own: our plugin for them is found here.
        variables = os.environ | {"PYTHONPATH": str(HERE)}
        command = [self.folder / "bin" / "python", *arguments]
        said = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.run(command, cwd=folder, env=variables, check=False, **said)  # type: ignore[call-overload, no-any-return]

    def install(self) -> None:
        """
        Install it; a newest release on top of the one that must work, so that only what is newer is fetched.

        Raises:
            MissingError: It can't be installed.
        """
        below = Path(sysconfig.get_path("purelib"))
        wanted = [f"{self.suite.name}=={self.suite.version}", *self.suite.needs]
        if self.is_newest:
            pinned = Venv(self.suite)
            pinned.install()
            # Of what its tests need besides, too: parts of one framework ask for each other's release.
            needs = [need.partition("==")[0] for need in self.suite.needs]
            below, wanted = pinned.packages, ["--upgrade", self.suite.name, *needs]
        venv.create(self.folder, symlinks=True)
        (self.packages / "below.pth").write_text(f"import site; site.addsitedir({str(below)!r})\n")
        self._pip("install", "--no-input", *wanted)
        if self.suite.beside:
            self._pip("install", "--no-input", "--no-deps", *self.suite.beside)

    def sdist(self) -> Path:
        """
        The unpacked sdist of the release that is installed.

        Raises:
            MissingError: It can't be had.
        """
        version = self.version()
        archive = f"{self.suite.name.replace('-', '_')}-{version}"
        if not (self.folder / archive).is_dir():
            only = ("--no-deps", "--no-binary", self.suite.name, "-d", str(self.folder))
            self._pip("download", *only, f"{self.suite.name}=={version}")
            with tarfile.open(self.folder / f"{archive}.tar.gz") as packed:
                packed.extractall(self.folder, filter="data")
        return self.folder / archive

    def _pip(self, *arguments: str) -> None:
        ended = self.run(*PIP, *arguments)
        if ended.returncode:
            raise MissingError(ended.stdout)
