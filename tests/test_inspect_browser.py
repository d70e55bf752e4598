"""The page to look at users with, in a real browser; DYNADB_TEST_PICTURES names a folder for what it looks like."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from dynadb_async import AsyncDynamoDb
from tests import browser, engines
from tests.browser import Page, a_browser
from tests.engines import Engine, EngineMissingError
from tests.inspected import SCRIPT, Inspected, inspecting, made, store_scripts, talk

PICTURES = os.environ.get("DYNADB_TEST_PICTURES")
LONG = "x" * 300


def paths_of(page: Inspected) -> dict[str, str]:
    """Every kind of page, without the first slash."""
    paths = {
        "users": "/",
        "user": page.user("ada"),
        "conversation": page.talk("ada", "support"),
        "long": page.user(LONG),
        "scripts": page.user(SCRIPT),
        "script-messages": page.talk(SCRIPT, SCRIPT),
    }
    return {name: path[1:] for name, path in paths.items()}


# The least contrast of any text with what is behind it, by WCAG's formula; and what text that is.
CONTRAST = """
(() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = (c) => c.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  let least = [99, "nothing"];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].filter((n) => n.nodeType === 3 && n.data.trim());
    if (!own.length || !e.getClientRects().length) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < least[0]) least = [ratio, own[0].data.trim().slice(0, 40)];
  }
  return least;
})()
"""
BACKGROUND = "getComputedStyle(document.body).backgroundColor"


@pytest.fixture
def chromium(tmp_path: Path) -> Path:
    """A folder for a browser, if there is one; an error if there is none, and DYNADB_TEST_ENGINES=all."""
    try:
        browser.program()
    except EngineMissingError as missing:
        if engines.WANTED == "all":
            raise
        pytest.skip(str(missing))
    return tmp_path / "chromium"


@asynccontextmanager
async def looking(
    engine: Engine, table: str, folder: Path, **options: Any
) -> AsyncIterator[tuple[AsyncDynamoDb[Any], Inspected, Page]]:
    """Users of every kind, the page that shows them, and a browser that came by the printed address."""
    async with made(engine, table) as db:
        await talk(db, "ada", name="Ada", age=36, scores=[1, 2, {"deep": [True, None]}], photo=b"\x00\x01")
        await talk(db, LONG, **{LONG: LONG})
        await store_scripts(db, engine)
        messages = [{"role": role, "content": f"{role} {LONG}"} for role in ("user", "assistant", "tool")]
        await db.conversation("ada", "support").append(messages, state={"is": "open"})
        async with inspecting(db, **options) as page, a_browser(folder) as tab:
            await tab.go(page.url)
            yield db, page, tab


async def picture(tab: Page, name: str) -> None:
    """Keep what is to be seen, where somebody wants to look at it."""
    if PICTURES:
        await tab.picture(Path(PICTURES) / f"{name}.png")


async def test_nothing_of_what_is_stored_runs(memory: Engine, table_name: str, chromium: Path) -> None:
    """Scripts stay text, the policy finds nothing to forbid, and nobody but the page itself is asked for anything."""
    async with looking(memory, table_name, chromium) as (_, page, tab):
        assert page.base == await tab.run("location.href")
        assert await tab.run("document.cookie") == ""
        for path in paths_of(page).values():
            await tab.go(page.base + path)
            assert await tab.run("typeof window.harm") == "undefined"
            assert await tab.run("document.scripts.length") == 1
        await tab.go(page.base + paths_of(page)["scripts"])
        assert SCRIPT == await tab.run("document.querySelector('h1').innerText")

    assert tab.complaints == []
    assert [url for url in tab.requests if not url.startswith(page.base)] == []


@pytest.mark.parametrize("width", [320, 390, 768, 1400])
async def test_it_fits_every_width(memory: Engine, table_name: str, chromium: Path, width: int) -> None:
    """Nothing is wider than the screen, however long an id or a word is."""
    async with looking(memory, table_name, chromium, allow_delete=True) as (_, page, tab):
        for name, path in paths_of(page).items():
            await tab.look(width=width)
            await tab.go(page.base + path)
            await tab.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            assert width >= await tab.run("document.documentElement.scrollWidth"), name
            await picture(tab, f"{name}-{width}")


@pytest.mark.parametrize(("scheme", "background"), [("light", "rgb(246, 245, 241)"), ("dark", "rgb(21, 25, 27)")])
async def test_it_can_be_read_in_light_and_dark(
    memory: Engine, table_name: str, chromium: Path, scheme: str, background: str
) -> None:
    """It follows the system, and every text stands out from what is behind it by 4.5 to 1 at least."""
    async with looking(memory, table_name, chromium, allow_delete=True) as (_, page, tab):
        await tab.look(scheme=scheme)
        for name, path in (paths_of(page) | {"nobody": page.user("nobody")[1:]}).items():
            await tab.go(page.base + path)
            await tab.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            assert background == await tab.run(BACKGROUND)
            least, text = await tab.run(CONTRAST)
            assert least >= 4.5, (name, text)
            await picture(tab, f"{name}-{scheme}")


async def test_all_is_done_by_keyboard(memory: Engine, table_name: str, chromium: Path) -> None:
    """A user is found, unfolded and deleted without a mouse, and one sees where one is."""

    async def tab_to(what: str) -> None:
        for _ in range(60):
            await tab.press("Tab")
            if await tab.run(f"document.activeElement.matches({what!r})"):
                assert await tab.run("getComputedStyle(document.activeElement).outlineStyle") != "none"
                return
        raise AssertionError(what)

    async with looking(memory, table_name, chromium, allow_delete=True) as (db, page, tab):
        await tab_to("input[type=search]")
        await tab.type("ada")
        await tab.press("Enter", leads_on=True)
        assert page.base + page.user("ada")[1:] == await tab.run("location.href")
        branch = "document.querySelector('.tree details')"
        assert await tab.run(f"{branch}.open") is True
        await tab_to(".tree summary")
        await tab.press("Enter")
        assert await tab.run(f"{branch}.open") is False
        await tab_to(".danger summary")
        await tab.press("Enter")
        await tab_to("button.danger")
        await tab.press("Enter")
        assert await db.stored("ada") is not None, "without the tick there is no deletion"
        await tab.run("document.querySelector('.danger input[type=checkbox]').focus()")
        await tab.press(" ")
        await tab_to("button.danger")
        await tab.press("Enter", leads_on=True)
        assert "Deleted" in await tab.run("document.querySelector('[role=status]').innerText")
        assert await db.export("ada") == {}

    assert tab.complaints == []


async def test_another_site_can_do_nothing(memory: Engine, table_name: str, chromium: Path) -> None:
    """Not frame it, nor read it, nor send its forms, even if it knew what they carry; nor by a name of its own."""
    async with looking(memory, table_name, chromium, allow_delete=True) as (db, page, tab):
        await tab.go(page.base + page.user("ada")[1:])
        token = await tab.run("document.querySelector('input[name=token]').value")
        form = f'<form method="post" action="{page.base}delete"><input name="id" value="ada">'
        form += f'<input name="token" value="{token}"></form><iframe src="{page.base}"></iframe>'

        async def evil(request: web.Request) -> web.Response:
            # Under no-referrer the origin is `null`, as it is of the page's own forms.
            policy = {"Referrer-Policy": request.query["policy"]}
            return web.Response(text=f"<!doctype html>{form}", content_type="text/html", headers=policy)

        app = web.Application()
        app.router.add_get("/", evil)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        try:
            # Another port is another origin, though browsers call it the same site; another name is another site.
            for host, policy in product(("127.0.0.1", "localhost"), ("origin", "no-referrer")):
                await tab.go(f"http://{host}:{port}/?policy={policy}")
                # What a browser puts in the place of a page that may not be framed can't be looked into.
                assert await tab.run("document.querySelector('iframe').contentDocument") is None
                read = f"fetch('{page.base}', {{credentials: 'include'}}).then(() => 'read', () => 'refused')"
                assert await tab.run(read) == "refused"
                await tab.submit("form")
                assert "Not from here" in await tab.run("document.body.innerText")
                assert await db.stored("ada") is not None
        finally:
            await runner.cleanup()
        rebound = page.base.replace("127.0.0.1", "anything.localhost")
        await tab.go(rebound)
        assert "Not from here" in await tab.run("document.body.innerText")
