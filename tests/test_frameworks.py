"""What can be said of the frameworks' adapters without the frameworks; `make frameworks` has the rest."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.frameworks import venvs
from tests.frameworks.__main__ import RACES, TESTS, Counts, Run, counts
from tests.frameworks.page import page, program
from tests.frameworks.suites import SUITES, Suite
from tests.frameworks.venvs import ROOT, Venv

REPORT = """<testsuites><testsuite>
<testcase name="a"/>
<testcase name="b"><properties><property name="race" value="| ours |"/><property name="x" value="y"/></properties>
</testcase>
<testcase name="c"><skipped message="not applicable"/></testcase>
<testcase name="d"><failure/></testcase><testcase name="e"><error/></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("openai_agents", "openai-agents"),
        ("claude_agent_sdk", "claude-agent-sdk"),
        ("agent_framework", "agent-framework"),
        ("aiogram", "aiogram"),
        ("bot_framework", "m365-agents"),
        ("bot_framework", "bot-framework"),
    ],
)
def test_what_is_missing_is_named(module: str, extra: str) -> None:
    """Who has not installed the framework is told how to."""
    command = [sys.executable, "-c", f"import dynadb_async.{module}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert f"pip install 'dynadb-async[{extra}]'" in ended.stderr


def test_counts(tmp_path: Path) -> None:
    """What pytest reports is counted, an error as a failure; a run that left no report failed."""
    report = tmp_path / "report.xml"
    assert Counts("theirs", 0, 0, 1, 2) == counts("theirs", report, 2)
    report.write_text(REPORT)

    assert Counts("theirs", 2, 1, 2, 2, ("| ours |",)) == counts("theirs", report, 2)


def test_too_few_are_a_failure() -> None:
    """A suite of which nearly all was left out has shown nothing."""
    assert Counts("theirs", 10, 90, 0, 10).is_good
    assert not Counts("theirs", 9, 91, 0, 10).is_good
    assert not Counts("theirs", 100, 0, 1, 10).is_good


def test_what_cannot_be_installed_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told why, and the others go on; here there is no index to ask."""
    monkeypatch.setattr(venvs, "FOLDER", tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    suite = Suite(name="no-such-framework", version="1.0", check="check_none.py", least=1)

    (found,) = Run(Venv(suite)).found()

    assert not found.is_good
    assert "No matching distribution found for no-such-framework==1.0" in capsys.readouterr().out


def test_a_table_is_written_in_its_place() -> None:
    """What stands around it stays, other tables as well, and a second run replaces the first."""
    page = "before\n<!-- tests, written by make frameworks -->\nold\n<!-- end -->\nafter\n"
    page += page.replace("tests", "writers")
    once = TESTS.written(RACES.written(page, ["| one |"]), ["| two |"])

    assert once.startswith("before\n")
    assert once.endswith("<!-- end -->\nafter\n")
    assert once.index("| two |") < once.index("after") < once.index("| one |")
    assert "old" not in once
    assert TESTS.written(page, ["| three |"]) == TESTS.written(TESTS.written(page, ["| two |"]), ["| three |"])


@pytest.mark.parametrize("example", [suite.example for suite in SUITES if suite.example])
def test_an_example_is_shown_as_it_is(example: str) -> None:
    """The manual includes the file that runs."""
    assert (ROOT / example).exists()
    assert f'--8<-- "{example}"' in (ROOT / "docs" / "voice.md").read_text()


@pytest.mark.parametrize("name", [suite.name for suite in SUITES if not suite.example])
def test_a_page_for_each(name: str) -> None:
    """Each framework finds its own block on the page, with the adapter, and no other's."""
    text = program(name)

    assert f"<!-- runs with {name} -->" in page(name).read_text()
    assert "db = AsyncDynamoDb(" in text
    modules = (
        "agents",
        "claude_agent_sdk",
        "agent_framework",
        "pydantic_ai",
        "aiogram",
        "microsoft_agents.hosting.core",
        "botbuilder.core",
        "ask_sdk_core.skill_builder",
    )
    assert 1 == sum(f"\nfrom {module} import" in text for module in modules)
