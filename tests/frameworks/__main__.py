"""
`python -m tests.frameworks`: run each framework's tests in a venv of its own, and write docs/frameworks.md's table.

With `--newest`, of their newest releases, and nothing is written. Names as arguments run some only.
"""

import os
import subprocess
import sys
import tarfile
import venv
from pathlib import Path
from xml.etree import ElementTree as ET

from attrs import frozen

from tests.frameworks.suites import OURS, SUITES, TOOLS, Suite

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / ".venv-frameworks"
PAGE = ROOT / "docs" / "frameworks.md"
BEGIN, END = "<!-- written by make frameworks -->\n", "<!-- end -->"
QUIET = ("--no-input", "--disable-pip-version-check", "-q")


@frozen
class Counts:
    """
    How a run of tests went.

    Attributes:
        what: Which tests.
        passed: How many passed.
        left_out: How many can't apply; each says why in pytest's report.
        failed: How many failed, or ended with an error.
        least: How many had to pass.
    """

    what: str
    passed: int
    left_out: int
    failed: int
    least: int

    @property
    def is_good(self) -> bool:
        """Whether none failed, and enough ran."""
        return self.failed == 0 and self.passed >= self.least

    def row(self) -> str:
        """As a line of the table."""
        return f"| {self.what} | {self.passed} | {self.left_out} | {self.failed} |"


def counts(what: str, report: Path, least: int) -> Counts:
    """What pytest's *report* says; a run without one failed."""
    if not report.exists():
        return Counts(what, 0, 0, 1, least)
    cases = list(ET.parse(report).iter("testcase"))
    left_out = sum(case.find("skipped") is not None for case in cases)
    failed = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    return Counts(what, len(cases) - left_out - failed, left_out, failed, least)


@frozen
class Venv:
    """
    A framework in a venv of its own.

    Attributes:
        suite: Which.
        is_newest: Its newest release, rather than the one that must work.
    """

    suite: Suite
    is_newest: bool

    @property
    def folder(self) -> Path:
        """Where everything of it is, and nothing of it is committed."""
        return FOLDER / (self.suite.name + ("-newest" if self.is_newest else ""))

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return self.suite.name + ("" if self.is_newest else f"=={self.suite.version}")

    def python(self, *arguments: str, folder: Path = ROOT) -> int:
        """Run the venv's Python; its exit code."""
        # A framework's tests have a `tests` of their own: our plugin for them is found here.
        variables = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
        command = [self.folder / "bin" / "python", *arguments]
        return subprocess.run(command, cwd=folder, env=variables, check=False).returncode

    def install(self) -> None:
        """
        Install it.

        Raises:
            SystemExit: It can't be installed.
        """
        venv.create(self.folder, with_pip=True, symlinks=True)
        wanted = [self.requirement, *self.suite.needs, *TOOLS, "-e", "."]
        if self.python("-m", "pip", "install", *QUIET, "--upgrade", *wanted):
            raise SystemExit(f"{self.requirement} can't be installed")

    def sdist(self) -> Path:
        """
        The unpacked sdist of the release that is installed.

        Raises:
            SystemExit: It can't be had.
        """
        ask = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
        command = [self.folder / "bin" / "python", "-c", ask, self.suite.name]
        version = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        archive = f"{self.suite.name.replace('-', '_')}-{version}"
        if not (self.folder / archive).is_dir():
            download = ("-m", "pip", "download", *QUIET, "--no-deps", "--no-binary", self.suite.name)
            if self.python(*download, "-d", str(self.folder), f"{self.suite.name}=={version}"):
                raise SystemExit(f"the sdist of {self.suite.name} {version} can't be had")
            with tarfile.open(self.folder / f"{archive}.tar.gz") as packed:
                packed.extractall(self.folder, filter="data")
        return self.folder / archive

    def tests(self, what: str, least: int, *arguments: str, folder: Path = ROOT) -> Counts:
        """Run some tests."""
        report = self.folder / f"{what.replace(' ', '-')}.xml"
        report.unlink(missing_ok=True)
        self.python("-m", "pytest", "-q", "--tb=short", f"--junit-xml={report}", *arguments, folder=folder)
        return counts(f"{self.requirement.replace('==', ' ')}: {what}", report, least)

    def run(self) -> list[Counts]:
        """Install it, and run all its tests."""
        self.install()
        suite, found = self.suite, []
        if theirs := suite.theirs:
            options = ("-p", theirs.plugin, "-p", "no:cacheprovider")
            found.append(self.tests("its own", theirs.least, *options, *theirs.tests, folder=self.sdist()))
        return [*found, self.tests("ours", suite.least, *OURS, f"tests/frameworks/{suite.check}")]


def write_table(page: str, rows: list[str]) -> str:
    """The *page* with these rows in the place of those that it had."""
    before, _, rest = page.partition(BEGIN)
    table = ["| tests | passed | not applicable | failed |", "|---|---|---|---|", *rows]
    return "\n".join([f"{before}{BEGIN}", *table, "", f"{END}{rest.partition(END)[2]}"])


def main(*arguments: str) -> int:
    """Whether everything ran, and nothing failed, as an exit code."""
    names = [argument for argument in arguments if not argument.startswith("-")]
    is_newest = "--newest" in arguments
    suites = [suite for suite in SUITES if not names or suite.name in names]
    found = [count for suite in suites for count in Venv(suite, is_newest).run()]
    print("\n".join(count.row() for count in found))
    for count in found:
        if not count.is_good:
            print(f"FAILED: {count.what}: {count.failed} failed, {count.passed} passed of at least {count.least}")
    if not names and not is_newest:
        PAGE.write_text(write_table(PAGE.read_text(), [count.row() for count in found]))
    return not all(count.is_good for count in found)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
