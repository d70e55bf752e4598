"""The look at the built manual sees what a browser would load from elsewhere; `make docs` takes it."""

from pathlib import Path

import pytest

from tests.site import main, remote_loads


@pytest.mark.parametrize(
    "markup",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<script src="//cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="https://fonts.example/css">',
        '<link rel="preconnect" href="https://fonts.example" crossorigin>',
        '<img src="HTTP://img.example/x.png">',
        '<img srcset="https://img.example/x.png 2x">',
        '<iframe src="https://frame.example"></iframe>',
        '<object data="https://frame.example"></object>',
        '<form action="https://search.example"></form>',
        '<p style="background: url(https://img.example/x.png)">',
        "<style>@import 'https://fonts.example/css';</style>",
    ],
)
def test_what_is_loaded_from_elsewhere_is_seen(markup: str, tmp_path: Path) -> None:
    """Scripts, styles, fonts, pictures, frames: whatever a browser loads without being asked."""
    (tmp_path / "index.html").write_text(f"<html><body>{markup}</body></html>")

    assert remote_loads("index.html", markup) != []
    with pytest.raises(SystemExit, match=r"index.html loads"):
        main(tmp_path)


@pytest.mark.parametrize(
    "style", ["@font-face{src:url(//f.example/x.woff2)}", "a{background:url('https://i.example')}"]
)
def test_styles_are_looked_at(style: str) -> None:
    """In files of their own, too."""
    assert remote_loads("main.css", style) != []


@pytest.mark.parametrize(
    "markup",
    [
        '<a href="https://catt.rs">cattrs</a>',
        '<link rel="canonical" href="https://docs.example/">',
        '<script src="assets/x.js"></script>',
        '<img src="save.svg">',
        '<img src="data:image/png;base64,aGk=">',
    ],
)
def test_what_is_only_a_link_is_none(markup: str) -> None:
    """A reader may follow links to elsewhere."""
    assert remote_loads("index.html", markup) == []


def test_no_site_is_an_error(tmp_path: Path) -> None:
    """A folder without pages has nothing to be proud of."""
    with pytest.raises(SystemExit, match="no site"):
        main(tmp_path)
