"""The ground plan: wings import from below only."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "dynadb_async"
# From the top; a wing may import itself and what stands after it.
WINGS = [
    "adapter",
    "conversations",
    "running",
    "item",
    "connection",
    "values",
    "config",
    "turn",
    "copying",
    "observer",
    "errors",
]


def imported_by(file: Path) -> set[str]:
    """The wings whose modules *file* imports, also within functions."""
    names = [node.module for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[1] for name in names if name and name.startswith("dynadb_async.")}


def test_imports_go_down() -> None:
    """No wing knows one above it, so there is no circle."""
    for place, wing in enumerate(WINGS):
        for file in [PACKAGE / f"{wing}.py", *(PACKAGE / wing).rglob("*.py")]:
            if file.exists():
                assert imported_by(file) <= set(WINGS[place:]), file


def test_wings_are_all_there_is() -> None:
    """What is not in the plan are files for other people's frameworks, on the package's face alone."""
    for file in PACKAGE.rglob("*.py"):
        wing = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if wing not in (*WINGS, "__init__", "face"):
            own = {
                wing,
                "conversations",
                "documents",
                "inspect",
                "platforms",
                "testing",
                "http_errors",
                "pytest_plugin",
            }
            # A sick DynamoDB is a matter of the store in the process.
            assert imported_by(file) <= (own | {"connection"} if wing == "testing" else own), file
