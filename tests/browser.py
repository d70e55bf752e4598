"""A real browser without a window: Debian's Chromium, told what to do over its DevTools protocol."""

import asyncio
import os
import shutil
import signal
import subprocess
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
from attrs import define, field

from tests.engines import EngineMissingError

NAMES = ("chromium", "chromium-browser")
# Nothing of it looks for updates, for other people's pages, or for a screen.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
PATIENCE = 60.0
KEYS = {
    "Tab": {"code": "Tab", "windowsVirtualKeyCode": 9},
    "Enter": {"code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"},
    " ": {"code": "Space", "windowsVirtualKeyCode": 32, "text": " "},
}


def program() -> str:
    """
    Where Chromium is.

    Raises:
        EngineMissingError: It is nowhere.
    """
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise EngineMissingError("Chromium is missing: install it (Debian: apt-get install chromium)")
    return found


@define(eq=False)
class Page:
    """
    A tab.

    Attributes:
        requests: The addresses that it asked for.
        complaints: What its console said of errors, and what the security policy kept from happening.
    """

    requests: list[str] = field(factory=list, init=False)
    complaints: list[str] = field(factory=list, init=False)
    _socket: aiohttp.ClientWebSocketResponse
    _session: str = field(default="", init=False)
    _numbers: Iterator[int] = field(factory=count, init=False)
    _waiting: dict[int, asyncio.Future[Any]] = field(factory=dict, init=False)
    _loaded: asyncio.Event = field(factory=asyncio.Event, init=False)

    async def listen(self) -> None:
        """Take what the browser says, until it is gone."""
        async for message in self._socket:
            said = message.json()
            if "id" in said:
                self._waiting.pop(said["id"]).set_result(said)
            else:
                self._hear(said["method"], said.get("params", {}))

    def _hear(self, event: str, details: dict[str, Any]) -> None:
        match event:
            case "Page.loadEventFired":
                self._loaded.set()
            case "Network.requestWillBeSent":
                self.requests.append(details["request"]["url"])
            case "Log.entryAdded" | "Runtime.exceptionThrown" | "Page.javascriptDialogOpening":
                self.complaints.append(str(details))

    async def tell(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol; its result."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        session = {"sessionId": self._session} if self._session else {}
        await self._socket.send_json({"id": number, "method": method, "params": parameters, **session})
        said = await asyncio.wait_for(answer, PATIENCE)
        assert "error" not in said, said
        return said["result"]

    async def begin(self) -> None:
        """Open the tab."""
        target = await self.tell("Target.createTarget", url="about:blank")
        attached = await self.tell("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for room in ("Page", "Network", "Log", "Runtime"):
            await self.tell(f"{room}.enable")

    async def go(self, url: str) -> None:
        """Open an address, and wait until all of it is there."""
        self._loaded.clear()
        await self.tell("Page.navigate", url=url)
        await asyncio.wait_for(self._loaded.wait(), PATIENCE)

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        result = await self.tell("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def press(self, key: str, *, leads_on: bool = False) -> None:
        """Press a key; wait for the page that it *leads_on* to."""
        if leads_on:
            self._loaded.clear()
        for kind in ("keyDown", "keyUp"):
            more = KEYS[key] if kind == "keyDown" else {k: v for k, v in KEYS[key].items() if k != "text"}
            await self.tell("Input.dispatchKeyEvent", type=kind, key=key, **more)
        if leads_on:
            await asyncio.wait_for(self._loaded.wait(), PATIENCE)

    async def submit(self, form: str) -> None:
        """Send a form as a script does, and wait for the answer."""
        self._loaded.clear()
        await self.run(f"document.querySelector({form!r}).submit()")
        await asyncio.wait_for(self._loaded.wait(), PATIENCE)

    async def type(self, text: str) -> None:
        """Write into what has the focus."""
        await self.tell("Input.insertText", text=text)

    async def look(self, *, width: int = 1200, height: int = 900, scheme: str = "light") -> None:
        """Be a screen of this size, light or dark."""
        is_phone = width < 600
        await self.tell(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=is_phone
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.tell("Emulation.setEmulatedMedia", features=features)

    async def picture(self, file: Path) -> None:
        """Keep what is to be seen, to the page's end."""
        taken = await self.tell("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(b64decode(taken["data"]))


@asynccontextmanager
async def a_browser(folder: Path) -> AsyncIterator[Page]:
    """Chromium with one tab; it keeps what it keeps in *folder*, and ends with the block."""
    command = [program(), *FLAGS, f"--user-data-dir={folder}", "about:blank"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, start_new_session=True, **quiet) as process:  # noqa: ASYNC220 - once, and at once
        try:
            address = await _address(folder / "DevToolsActivePort", process)
            async with aiohttp.ClientSession() as http, http.ws_connect(address, max_msg_size=0) as socket:
                page = Page(socket)
                listening = asyncio.create_task(page.listen())
                await page.begin()
                yield page
                listening.cancel()
        finally:
            os.killpg(process.pid, signal.SIGKILL)


async def _address(file: Path, process: "subprocess.Popen[bytes]") -> str:
    async with asyncio.timeout(PATIENCE):
        while not file.exists() or len(file.read_text().split()) < 2:
            assert process.poll() is None, f"Chromium ended with status {process.returncode}"
            await asyncio.sleep(0.05)
    port, path = file.read_text().split()
    return f"ws://127.0.0.1:{port}{path}"
