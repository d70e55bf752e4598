"""The blocks of the manual's pages on frameworks: those for everybody, and those marked as one framework's."""

from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = (DOCS / "frameworks.md", DOCS / "bots.md", DOCS / "ask-sdk.md")


def page(framework: str) -> Path:
    """The page that has a block of *framework*."""
    return next(page for page in PAGES if f"<!-- runs with {framework} -->\n" in page.read_text())


def program(framework: str) -> str:
    """What a reader who uses *framework* pastes, each line at the number that it has on the page."""
    lines: list[str] = []
    is_wanted, is_python = True, False
    for line in page(framework).read_text().splitlines():
        is_fence = line.startswith("```")
        if line.startswith("<!-- runs with "):
            is_wanted = line == f"<!-- runs with {framework} -->"
        lines.append(line if is_python and is_wanted and not is_fence else "")
        if is_fence:
            is_wanted = is_wanted or is_python
            is_python = line == "```python"
    return "\n".join(lines)


def names(framework: str, db: Any) -> dict[str, Any]:
    """What the page defines, with *db* in the place of the adapter that it opens."""
    defined: dict[str, Any] = {"__name__": "page"}
    exec(compile(program(framework), str(page(framework)), "exec"), defined)
    defined["db"] = db
    return defined
