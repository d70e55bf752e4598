"""
`python -m tests.frameworks`: run each framework's tests in a venv of its own, and write docs/frameworks.md's table.

With `--newest`, of releases that are newer than the pinned ones, without the races, and nothing is written. Names as
arguments run some only.
"""

import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree as ET

from attrs import evolve, frozen

from tests.frameworks.suites import OURS, SUITES
from tests.frameworks.venvs import ROOT, MissingError, Venv

PAGE = ROOT / "docs" / "frameworks.md"
END = "<!-- end -->"
# While one waits for the index or for a server, others go on.
AT_ONCE = 3


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
        races: Of those that let writers race: the lines of the manual's table.
    """

    what: str
    passed: int
    left_out: int
    failed: int
    least: int
    races: tuple[str, ...] = ()

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
    told = (pair for case in cases for pair in case.iter("property") if pair.get("name") == "race")
    races = tuple(pair.get("value", "") for pair in told)
    return Counts(what, len(cases) - left_out - failed, left_out, failed, least, races)


@frozen
class Run:
    """
    All tests of a framework.

    Attributes:
        place: Its venv.
    """

    place: Venv

    def found(self) -> list[Counts]:
        """Install it, and run them; of a newest release only if it is newer than the one that must work."""
        suite = self.place.suite
        try:
            if self.place.is_newest and self.place.newest() == suite.version:
                print(f"{suite.name} {suite.version} is the newest", flush=True)
                return []
            self.place.install()
            return [*self._theirs(), self._ours()]
        except MissingError as error:
            print(error, flush=True)
            return [Counts(f"{suite.name}: to be had", 0, 0, 1, 1)]

    def _ours(self) -> Counts:
        suite, options = self.place.suite, OURS
        if self.place.is_newest:
            # The races take minutes, and say nothing of a framework's release.
            suite, options = evolve(suite, least=1), (*OURS, "-m", "not race")
        return self._tests("ours", suite.least, *options, *suite.options, f"tests/frameworks/{suite.check}")

    def _theirs(self) -> list[Counts]:
        theirs = self.place.suite.theirs
        if theirs is None:
            return []
        options = ("-p", theirs.plugin, "-p", "left_out", "-p", "no:cacheprovider", *theirs.options)
        return [self._tests("its own", theirs.least, *options, *theirs.tests, folder=self.place.sdist())]

    def _tests(self, what: str, least: int, *arguments: str, folder: Path = ROOT) -> Counts:
        title = f"{self.place.suite.name} {self.place.version()}: {what}"
        report = self.place.folder / f"{what.replace(' ', '-')}.xml"
        report.unlink(missing_ok=True)
        ended = self.place.run("-m", "pytest", "-q", "--tb=short", f"--junit-xml={report}", *arguments, folder=folder)
        print(f"\n=== {title}\n\n{ended.stdout}", flush=True)
        return counts(title, report, least)


@frozen
class Table:
    """
    A table of the manual that is written here.

    Attributes:
        what: Names it in the page.
        columns: Their names.
    """

    what: str
    columns: tuple[str, ...]

    def written(self, page: str, rows: Iterable[str]) -> str:
        """The *page* with these rows in the place of those that it had."""
        begin = f"<!-- {self.what}, written by make frameworks -->\n"
        before, _, rest = page.partition(begin)
        head = [f"| {' | '.join(self.columns)} |", "|---" * len(self.columns) + "|"]
        return "\n".join([f"{before}{begin}", *head, *rows, "", f"{END}{rest.partition(END)[2]}"])


TESTS = Table("tests", ("tests", "passed", "not applicable", "failed"))
RACES = Table("writers", ("store", "acknowledged", "of these lost", "stored twice"))


def main(*arguments: str) -> int:
    """Whether everything ran, and nothing failed, as an exit code."""
    names = [argument for argument in arguments if not argument.startswith("-")]
    is_newest = "--newest" in arguments
    suites = [suite for suite in SUITES if not names or suite.name in names]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        runs = [threads.submit(Run(Venv(suite, is_newest)).found) for suite in suites]
        found = [count for run in runs for count in run.result()]
    print("\n".join(line for count in found for line in (count.row(), *count.races)))
    for count in found:
        if not count.is_good:
            print(f"FAILED: {count.what}: {count.failed} failed, {count.passed} passed of at least {count.least}")
    if not names and not is_newest:
        page = TESTS.written(PAGE.read_text(), [count.row() for count in found])
        PAGE.write_text(RACES.written(page, [race for count in found for race in count.races]))
    return not all(count.is_good for count in found)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
