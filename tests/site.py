"""
Whether a built site loads anything from elsewhere: `python -m tests.site build/site`.

A link that a reader may follow is none; a script, a style, a font, a picture or a frame is one.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

REMOTE = re.compile(r"(?:[a-z]+:)?//", re.IGNORECASE)
FOLLOWED = {"canonical", "next", "prev", "alternate"}
IN_STYLES = re.compile(r"""(?:url\(|@import)\s*['"]?((?:https?:)?//[^'")\s]+)""", re.IGNORECASE)


class Loads(HTMLParser):
    """What a page makes a browser load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Each address that is loaded without being asked for."""
        given = {name: value or "" for name, value in attrs}
        if tag == "link" and not FOLLOWED & set(given.get("rel", "").split()):
            self.found.append(given.get("href", ""))
        if tag != "a":
            self.found += [given[name] for name in ("src", "srcset", "data", "poster", "action") if name in given]
        self.found += [f"//{url}" for url in IN_STYLES.findall(given.get("style", ""))]


def remote_loads(name: str, text: str) -> list[str]:
    """The addresses elsewhere that a file of the site loads by itself."""
    if not name.endswith((".html", ".svg")):
        return IN_STYLES.findall(text)
    page = Loads()
    page.feed(text)
    return [url for url in page.found if REMOTE.match(url)] + IN_STYLES.findall(text)


def main(site: Path) -> None:
    """Fail, and say where."""
    files = [file for file in site.rglob("*") if file.suffix in {".html", ".css", ".svg"}]
    found = [(str(file.relative_to(site)), url) for file in files for url in remote_loads(file.name, file.read_text())]
    if found or not files:
        raise SystemExit(f"no site at {site}" if not files else "\n".join(f"{name} loads {url}" for name, url in found))
    size = sum(file.stat().st_size for file in site.rglob("*") if file.is_file())
    print(f"{site}: {size / 1e6:.1f} MB, and nothing is loaded from elsewhere")  # noqa: T201 - for who runs make docs


if __name__ == "__main__":
    main(Path(sys.argv[1]))
