"""The page to look at users with, as an HTTP client sees it: who may come in, what it shows, what it never does."""

import asyncio
import logging
import os
import re
import signal
import subprocess
import sys
import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
import httpx2
import pytest

from dynadb_async import Conversations, TableConfig, TimeToLive, UsageError
from dynadb_async.inspect import serve
from dynadb_async.inspect.origin import Address
from dynadb_async.inspect.reading import listed
from tests.engines import Engine
from tests.inspected import SCRIPT, inspecting, made, store_scripts, talk
from tests.proxy import Answer, FaultProxy, Request, no_fault
from tests.tables import PATIENCE, Clock, new_table
from tests.test_cli import ODD


@pytest.fixture(params=["moto", "dynamodb-local", "memory", "file"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn that has conversations."""
    running: Engine = request.getfixturevalue(request.param.replace("-", "_"))
    return running


# What it shows


async def test_all_of_a_user_is_shown(engine: Engine, table_name: str) -> None:
    """Data, session, history, recent turns, raw item, sizes, conversations and their messages, page after page."""
    async with made(engine, table_name) as db:
        await talk(db, "ada", name="Lovelace", scores=[1, 2.5, {"deep": True}], photo=b"\x00\x01", nothing=None)
        messages = [{"role": "user", "content": f"message {n}"} for n in range(45)]
        await db.conversation("ada", "support").append(messages, state={"is": "open"})
        async with inspecting(db) as page:
            user = unescape(await page.read(page.user("ada")))
            first = unescape(await page.read(page.talk("ada", "support")))
            older = re.search(r'href="(/conversation[^"]*)">Older', first)
            assert older
            second = await page.read(older[1])

    for text in ("Lovelace", "2.5", "AAE=", "alive", "third", "asking", "What is the time?", "It is noon.", "support"):
        assert text in user
    assert "turn of ada" in user
    assert '"S": "Lovelace"' in user
    assert "recentTurns</bdi>" in user
    assert "message 44" in first
    assert "message 25" in first
    assert "message 24<" not in first
    assert "open" in first
    assert "message 24<" in second
    assert "message 25" not in second


async def test_users_are_paged_and_found(engine: Engine, table_name: str) -> None:
    """Each is on one page, those who have nothing but conversations as well; any id is found, however it is written."""
    odd = "a/b?c=d&e#f%20 ../ü\n"
    async with made(engine, table_name) as db:
        people = {f"user-{n:02}" for n in range(30)} | {odd}
        for user_id in people:
            await talk(db, user_id, name="x")
        await db.conversation("talker", "talk").append(["hello"])
        async with inspecting(db) as page:
            found: list[str] = []
            path: str | None = "/"
            while path:
                text = await page.read(path)
                found += [unescape(one) for one in re.findall(r'<bdi class="id">(.*?)</bdi>', text, re.DOTALL)]
                more = re.search(r'rel="next" href="([^"]*)"', text)
                path = unescape(more[1]) if more else None
            assert "What is the time?" in await page.read(page.user(odd))
            assert "conversations only" in await page.read(page.user("talker"))
            assert "Nobody" in await page.read(page.user("nobody"), 404)
            await page.read(page.user(""), 400)
            await page.read(page.door.link("/", "bad"), 400)
            for made_up in ("/?at=bad", "/user?at=%C3%BC", "/conversation?at=AAAA", page.user("ada")[:-2] + "AA"):
                await page.read(made_up, 404)
            await page.read(page.talk("ada", "none"), 404)

    assert sorted([*people, "talker"]) == sorted(found)


async def test_every_value_is_escaped(memory: Engine, table_name: str) -> None:
    """A script is text, wherever it is stored: in ids, names, values, the session, the history, the messages."""
    async with made(memory, table_name) as db:
        await store_scripts(db, memory)
        async with inspecting(db, allow_delete=True) as page:
            paths = ["/", page.user(SCRIPT), page.talk(SCRIPT, SCRIPT)]
            texts = [await page.read(path) for path in paths]
            texts.append(await page.read(page.user(f"{SCRIPT}x"), 404))
            texts.append(await page.read(page.door.link("/", SCRIPT), 400))

    for text in texts:
        assert re.findall("<script[^>]*>", text) == ['<script src="/static/inspect.js" defer>']
    assert min(text.count("&lt;script&gt;") for text in texts[:3]) > 0
    assert texts[1].count("&lt;script&gt;") > 25


async def test_a_session_ends(memory: Engine, table_name: str) -> None:
    """It is alive for as long as the configuration says, and expired from then on."""
    clock = Clock(datetime.now(UTC) - timedelta(minutes=14))
    async with made(memory, table_name, clock=clock) as db:
        await talk(db, "alive")
        clock.move(minutes=-2)
        await talk(db, "expired")
        async with inspecting(db) as page:
            assert ">alive</span>" in await page.read(page.user("alive"))
            assert ">expired</span>" in await page.read(page.user("expired"))


async def test_what_cannot_be_read_is_shown_as_it_is(memory: Engine) -> None:
    """Another serializer's elements, a broken history, and whoever is past the TTL: the page is there."""
    with new_table(memory) as table:
        entry = {"M": {"write": {"S": "w"}}}
        table.put("json", user={"S": '{"data": {"name": "Ada"}}'}, recentTurns={"L": [entry]}, createdAt={"S": "noon"})
        table.put("broken", user={"B": b"\xff"}, history={"M": {"items": {"N": "3"}}}, session={"L": []})
        table.put("gone", user={"M": {"data": {"M": {}}}}, expiresAt={"N": "1"})
        ttl = {"ttl": TimeToLive(timedelta(days=1)), "create_table_on_init": False}
        async with table.adapter(table=ttl) as db, inspecting(db) as page:
            read = unescape(await page.read(page.user("json")))
            assert "Ada" in read
            assert "user is no map" in read
            assert "/w==" in await page.read(page.user("broken"))
            assert "past its TTL" in await page.read(page.user("gone"))


async def test_odd_items_have_a_page(memory: Engine) -> None:
    """Whatever another program stored, the list and the user's page are there, and the raw item has it."""
    with new_table(memory) as table:
        for user_id, odd in ODD.items():
            table.put(user_id, **{"user": {"M": {"data": {"M": {}}}}, "createdAt": {"S": "2026"}, **odd})
        async with table.adapter() as db, inspecting(db) as page:
            assert "history of texts" in await page.read("/")
            for user_id, odd in ODD.items():
                shown = unescape(await page.read(page.user(user_id)))
                assert all(f'"{name}": {{' in shown for name in odd)


async def test_conversations_that_cannot_be_had_are_told(memory: Engine) -> None:
    """A second table that is missing takes nothing from the first one's page."""
    with new_table(memory) as table:
        table.put("ada", user={"M": {"data": {"M": {"name": {"S": "Lovelace"}}}}})
        talks = Conversations(TableConfig(f"{table.name}-log", create_table_on_init=False))
        async with table.adapter(conversations=talks) as db, inspecting(db) as page:
            texts = [await page.read(path) for path in ("/", page.user("ada"))]
            await page.read(page.talk("ada", "x"), 502)

    assert ">ada<" in texts[0]
    assert "Lovelace" in texts[1]
    assert [f"{table.name}-log" in text for text in texts] == [True, True]


async def test_large_values_are_bounded(memory: Engine, table_name: str) -> None:
    """An item as large as it may be, and messages nested as deep as JSON goes, make a page that a browser can show."""
    deep: Any = "bottom"
    for _ in range(190):
        deep = [deep]
    async with made(memory, table_name) as db:
        await talk(db, "wide", **{f"key {n}": [n] * 50 for n in range(700)})
        await db.conversation("wide", "deep").append([deep, "x" * 200_000])
        async with inspecting(db) as page:
            wide = await page.read(page.user("wide"))
            talked = await page.read(page.talk("wide", "deep"))

    assert "more, not shown here" in wide
    assert len(wide.split("<pre")[0]) < 1_000_000
    assert "not shown here" in talked
    assert "100,000 more characters" in talked


async def test_a_full_table_of_others_is_looked_at_for_so_long(moto: Engine) -> None:
    """Where finding users takes long, the page has whom it found, says so, and its link goes on until all are found."""

    class Slow(FaultProxy):
        """A server whose scans take their time."""

        async def _forwarded(self, request: Request) -> Answer:
            if request.operation == "Scan":
                await asyncio.sleep(0.1)
            return await super()._forwarded(request)

    with new_table(moto) as table:
        for n in range(200):
            table.put(f"order-{n}", total={"N": "1"})
        people = {f"user-{n}" for n in range(4)}
        for user_id in people:
            table.put(user_id, user={"M": {"data": {"M": {}}}})
        async with Slow(moto) as proxy, table.adapter(client=proxy.client_settings | PATIENCE) as db:
            found: list[str] = []
            after, pages, began = None, 0, time.monotonic()
            while pages == 0 or after is not None:
                users = await listed(db, after, datetime.now(UTC), patience=0.7)
                assert users.is_cut or users.after is None
                found += [row.user_id for row in users.rows]
                after, pages = users.after, pages + 1
                assert time.monotonic() - began < 100
            async with inspecting(db, patience=0.7) as page:
                assert "Finding them takes long" in await page.read("/")

    assert people == set(found)
    assert len(people) == len(found)
    assert pages > 1


async def test_nobody_is_named_in_an_address(memory: Engine, table_name: str) -> None:
    """No link, no redirect and no title holds an id of anybody or of a conversation, nor a token that does."""
    async with made(memory, table_name) as db:
        for n in range(30):
            await talk(db, f"PerSon-{n}")
            await db.conversation(f"PerSon-{n}", "ChaT").append([f"message {m}" for m in range(25)])
        async with inspecting(db, allow_delete=True) as page:
            answer = await page.http.post(page.base + "find", data={"id": "PerSon-1"}, allow_redirects=False)
            assert (303, page.user("PerSon-1")) == (answer.status, answer.headers["Location"])
            paths = ["/", page.user("PerSon-1"), page.talk("PerSon-1", "ChaT")]
            texts = [await page.read(path) for path in paths]

    addresses = [*paths, *re.findall(r'(?:href|src|action)="([^"]*)"', "".join(texts))]
    assert len(addresses) > 30
    shown = [*map(unquote, addresses), *re.findall("<title>(.*?)</title>", "".join(texts))]
    hidden = ("PerSon", "ChaT", b"PerSon".hex(), b64encode(b"PerSon").decode()[:7])
    assert not [one for one in shown if any(text in one for text in hidden)]


# Who may come in


async def test_the_token_is_exchanged_for_a_cookie(memory: Engine, table_name: str) -> None:
    """HttpOnly, SameSite=Strict, and the address is clean from then on; without it there is nothing to be seen."""
    stranger = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
    async with made(memory, table_name) as db, inspecting(db) as page, stranger:
        async with stranger.get(page.url, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/")
            cookie = answer.headers["Set-Cookie"].lower()
            assert "httponly" in cookie
            assert "samesite=strict" in cookie
            assert urlsplit(page.url).query.removeprefix("token=").lower() not in cookie
        for path in (
            "",
            "?token=",
            "?token=wrong",
            "?token=é",
            page.user("ada")[1:],
            "conversation",
            "nothing",
            "docs",
        ):
            async with stranger.get(page.base + path) as answer:
                assert answer.status == 401, path
        async with stranger.post(page.base + "delete", data={"id": "ada"}) as answer:
            assert answer.status == 401


@pytest.mark.parametrize("path", ["/", "/nothing", "/static/inspect.css", "/user?id=nobody", "/?token=wrong"])
async def test_each_answer_is_private(memory: Engine, table_name: str, path: str) -> None:
    """Nothing is kept, said to others, framed, or taken for something else; nor can anything come from elsewhere."""
    async with made(memory, table_name) as db, inspecting(db) as page, page.http.get(page.base + path[1:]) as answer:
        said = answer.headers

    assert said["Cache-Control"] == "no-store"
    assert said["Referrer-Policy"] == "no-referrer"
    assert said["X-Frame-Options"] == "DENY"
    assert said["X-Content-Type-Options"] == "nosniff"
    policy = dict(part.split(" ", 1) for part in said["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert {"'none'", "'self'"} == set(policy.values())
    assert "Server" not in said


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"Host": "localhost:9999"}, 200),
        ({"Host": "[::1]:9999"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "localhost.evil.example:80"}, 403),
        ({"Host": "evil@127.0.0.1"}, 403),
        ({"Host": "192.168.1.2"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost:1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
    ],
    ids=str,
)
async def test_host_and_origin(memory: Engine, table_name: str, headers: dict[str, str], expected: int) -> None:
    """Another name for this address, or another site, gets nothing, with the cookie or with the token."""
    async with made(memory, table_name) as db, inspecting(db) as page:
        assert expected == await page.status("/", headers=headers)
        token = urlsplit(page.url).query
        assert (303 if expected == 200 else 403) == await page.status(f"/?{token}", headers=headers)


async def test_its_own_origin_is_its_own(memory: Engine, table_name: str) -> None:
    """Whatever port a tunnel gave it."""
    async with made(memory, table_name) as db, inspecting(db) as page:
        assert await page.status("/", headers={"Origin": page.base.rstrip("/")}) == 200
        assert await page.status("/", headers={"Host": "localhost:1", "Origin": "http://localhost:1"}) == 200


async def test_beyond_loopback_there_is_a_warning(memory: Engine, table_name: str) -> None:
    """It is there on loopback only, unless told otherwise; then it says so, and names stay out."""
    async with made(memory, table_name) as db:
        async with inspecting(db) as page:
            assert len(page.said) == 1
            assert page.url.startswith("http://127.0.0.1:")
        async with inspecting(db, host="0.0.0.0") as page:
            assert "other machines" in page.said[0]
            assert await page.status("/", headers={"Host": "192.168.1.2:80"}) == 200
            assert await page.status("/", headers={"Host": "evil.example"}) == 403


@pytest.mark.parametrize(
    ("host", "is_loopback", "name"),
    [
        ("localhost", True, "localhost"),
        ("127.0.0.7", True, "127.0.0.7"),
        ("::1", True, "[::1]"),
        ("::", False, "[::1]"),
        ("0.0.0.0", False, "127.0.0.1"),
        ("10.0.0.1", False, "10.0.0.1"),
        ("example.com", False, "example.com"),
    ],
)
def test_what_is_loopback(host: str, is_loopback: bool, name: str) -> None:
    """An interface that others can reach is never taken for one that they can't."""
    assert (is_loopback, name) == (Address(host).is_loopback, Address(host).name)


async def test_a_port_that_is_taken_is_told(memory: Engine, table_name: str) -> None:
    """In one line, which names it."""
    async with made(memory, table_name) as db, inspecting(db) as page:
        port = urlsplit(page.url).port
        with pytest.raises(UsageError, match=rf"can't listen on 127.0.0.1, port {port}: "):
            await serve(db, announce=str, port=port or 0)


# What it never does


async def test_looking_writes_nothing(moto: Engine, table_name: str) -> None:
    """All pages together read, and do nothing else; replaced messages stay where they are as well."""
    async with made(moto, table_name) as db:
        await talk(db, "ada", name="Ada")
        first = await db.conversation("ada", "support").append(["one", "two"])
        await db.conversation("ada", "support").append(["three"], replacing=first.number)
    async with FaultProxy(moto, no_fault) as proxy:
        settings = {"client": proxy.client_settings, "table": {"create_table_on_init": False}}
        async with made(moto, table_name, **settings) as db, inspecting(db) as page:
            for path in ("/", page.user("ada"), page.talk("ada", "support"), page.user("nobody")):
                await page.status(path)

    assert set(proxy.seen) <= {"GetItem", "Query", "Scan", "DescribeTable", "DescribeTimeToLive"}


async def test_nobody_is_deleted_unless_it_is_allowed(memory: Engine, table_name: str) -> None:
    """Read-only is what it is by itself: there is no form, and no answer to one."""
    async with made(memory, table_name) as db:
        await talk(db, "ada")
        async with inspecting(db) as page:
            assert "/delete" not in await page.read(page.user("ada"))
            assert await page.status("/delete", "POST", data={"id": "ada"}) == 403
        assert await db.stored("ada") is not None


async def test_delete_needs_the_forms_token(engine: Engine, table_name: str) -> None:
    """By POST, with what the user's own page carries; then item and conversations are gone."""
    async with made(engine, table_name) as db:
        await talk(db, "ada")
        await talk(db, "bob")
        await db.conversation("ada", "support").append(["hello"])
        async with inspecting(db, allow_delete=True) as page:
            tokens = {
                name: re.findall(r'name="token" value="(\w+)"', await page.read(page.user(name)))[0]
                for name in ("ada", "bob")
            }
            good = {"id": "ada", "token": tokens["ada"]}
            assert await page.status("/delete") == 405
            for bad in ({"id": "ada"}, {"id": "ada", "token": "x"}, {"id": "ada", "token": tokens["bob"]}, {}):
                assert await page.status("/delete", "POST", data=bad) == 403
            foreign = {"Origin": "http://evil.example"}
            assert await page.status("/delete", "POST", data=good, headers=foreign) == 403
            assert await page.status("/delete", "POST", data={"id": "x" * 100_000}) == 413
            assert await page.status("/delete", "POST", data={f"id{n}": "x" for n in range(50)}) == 400
            assert await db.stored("ada") is not None

            assert await page.status("/delete", "POST", data=good) == 303
            assert await page.status(page.user("ada")) == 404
        assert await db.export("ada") == {}
        assert await db.stored("bob") is not None


async def test_nobody_is_named_in_logs(
    memory: Engine, table_name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither the server nor a failure leaves a user's id anywhere; a fault of the page says its kind and place."""
    caplog.set_level(logging.DEBUG)

    async def broken(_user_id: str) -> None:
        raise RuntimeError("about MaRk")

    async with made(memory, table_name) as db:
        await talk(db, "MaRk")
        async with inspecting(db) as page:
            await page.read(page.user("MaRk"))
            await page.read(page.user("MaRk2"), 404)
            db.stored = broken  # type: ignore[method-assign]
            fault = await page.read(page.user("MaRk"), 500)

    assert "RuntimeError" in fault
    assert "MaRk" not in fault
    told = capfd.readouterr()
    # The event loop tells asyncio's own logger of selectors only.
    assert "MaRk" not in caplog.text + told.out + told.err


# The command


def started(engine: Engine, name: str, *options: str) -> "subprocess.Popen[str]":
    """`dynadb inspect` as a process."""
    variables = {f"DYNADB_CLIENT__{key.upper()}": str(value) for key, value in engine.client_settings.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "dynadb_async.cli", "inspect", "--table", name, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | variables,
    )


@pytest.mark.parametrize("options", [(), ("--host", "0.0.0.0", "--allow-delete")], ids=["plain", "open"])
def test_the_command_prints_an_address_and_ends_by_ctrl_c(moto: Engine, options: tuple[str, ...]) -> None:
    """The address is all of its output, a warning goes beside it; Ctrl-C is a good end, and nothing else is said."""
    with new_table(moto) as table, started(moto, table.name, *options) as process:
        table.put("MaRk", user={"M": {"data": {"M": {}}}})
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with httpx2.Client(follow_redirects=True) as http:
            assert "MaRk" in http.get(url).text
            found = http.post(url.split("?")[0] + "find", data={"id": "MaRk"})
            page = found.text
            assert "MaRk" not in str(found.url)
        assert ("Delete this user" in page) == bool(options)
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=30)

    assert (process.returncode, out) == (0, "")
    assert ("warning: other machines" in told) == bool(options)
    assert "MaRk" not in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [((), 1, "error: "), (("--host", "256.1.1.1"), 2, "256.1.1.1"), (("--port", "70000"), 2, "65535")],
    ids=["no table", "no host", "no port"],
)
def test_what_is_wrong_is_one_line(
    moto: Engine, table_name: str, options: tuple[str, ...], status: int, told: str
) -> None:
    """No table, no such interface: told before there is an address; no table is made by looking."""
    with started(moto, table_name, *options) as process:
        out, said = process.communicate(timeout=60)

    assert (status, "") == (process.returncode, out)
    assert told in said
    assert "Traceback" not in said


def test_without_its_libraries_the_error_names_the_extra() -> None:
    """Whoever lacks one of them is told what to install."""
    program = "import sys; sys.modules['jinja2'] = None; import dynadb_async.inspect"

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ended.stderr.splitlines()[-1] == "ImportError: jinja2 is missing: pip install 'dynadb-async[inspect]'"
