"""A real browser for tests: Debian's chromium, spoken to over a pipe in its own protocol. No port is opened and nothing is fetched."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PATIENCE = 60.0
SWITCHES = (
    "--headless=new",
    "--no-sandbox",  # tests run as root in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-extensions",
    "--disable-component-update",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--remote-debugging-pipe",
)


def chromium() -> str | None:
    """The browser's path; None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Tab:
    """One page: what it asked for, what its console said, and what it shows."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read, self._count, self._buffer = write, read, itertools.count(1), b""
        self._session = ""
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._loaded = False
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; events in between are noted."""
        number = next(self._count)
        message = {"id": number, "method": method, "params": params, **({"sessionId": self._session} if self._session else {})}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self._note(answer)

    def _next(self, patience: float = PATIENCE) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert select.select([self._read], [], [], patience)[0], "the browser does not answer"
            piece = os.read(self._read, 1 << 20)
            assert piece, "the browser ended"
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(line)

    def _note(self, event: dict[str, Any]) -> None:
        method, params = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Log.entryAdded" and params["entry"]["level"] in {"error", "warning"}:
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"])[:500])
        elif method == "Runtime.consoleAPICalled" and params["type"] in {"error", "warning", "assert"}:
            self.complaints.append(json.dumps(params["args"])[:500])
        elif method == "Page.loadEventFired":
            self._loaded = True

    def open(self, address: str) -> None:
        """Go to an address and wait until it is loaded."""
        self.begin(address)
        self.finish(address)

    def begin(self, address: str) -> None:
        """Go to an address."""
        self._loaded = False
        failed = self.ask("Page.navigate", url=address).get("errorText")
        assert not failed, f"{address}: {failed}"

    def finish(self, address: str, patience: float = PATIENCE) -> None:
        """Wait until it is loaded."""
        began = time.monotonic()
        while not self._loaded:
            assert time.monotonic() - began < patience, f"{address} does not load"
            self._note(self._next(patience))

    def run(self, script: str) -> Any:
        """The value of an expression on the page."""
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def screen(self, width: int, height: int = 900, *, dark: bool = False) -> None:
        """The size of the window, below 600 that of a phone, and whether the user likes it dark."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme, {"name": "prefers-reduced-motion", "value": "reduce"}])

    def press(self, key: str) -> None:
        """One key, as Tab, Enter or ArrowRight."""
        code = {"Tab": 9, "Enter": 13, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}[key]
        text = {"text": "\r"} if key == "Enter" else {}
        about = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, **about, **(text if kind == "keyDown" else {}))

    def picture(self, path: Path) -> None:
        """What the window shows, as a PNG."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))

    def first_paint(self) -> float:
        """Seconds from the beginning of the navigation to the first content on the screen."""
        script = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
        began = time.monotonic()
        while (value := self.run(script)) is None:
            assert time.monotonic() - began < PATIENCE, "nothing was painted"
            time.sleep(0.05)
        return float(value) / 1000


@contextlib.contextmanager
def browser() -> Iterator[Tab]:
    """A browser with one tab and a profile of its own; without a way out of this machine, whatever a page asks for."""
    program = chromium()
    assert program, "no chromium here"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        (its_read, write), (read, its_write) = os.pipe(), os.pipe()

        def as_it_wants() -> None:  # it reads from 3 and writes to 4
            low, high = os.dup(its_read), os.dup(its_write)
            os.dup2(low, 3)
            os.dup2(high, 4)

        options = [*SWITCHES, f"--user-data-dir={folder}", "about:blank"]
        process = subprocess.Popen(
            [program, *options],
            close_fds=False,
            preexec_fn=as_it_wants,  # noqa: PLW1509 - descriptors 3 and 4 are asked for by number
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(its_read)
        os.close(its_write)
        try:
            yield Tab(write, read)
        finally:
            with contextlib.suppress(OSError):
                os.write(write, b'{"id":0,"method":"Browser.close"}\0')
            os.close(write)
            os.close(read)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def choose(tab: Tab, name: str, value: str) -> None:
    """Choose in one of the lists above the matrix, as a user does."""
    script = "(f => { f.value = %s; f.dispatchEvent(new Event('change', {bubbles: true})) })(document.querySelector('#filter [name=%s]'))"
    tab.run(script % (json.dumps(value), name))


def row(tab: Tab, claim: str) -> list[str]:
    """What the signs of one original say, release by release, as far as they are shown."""
    script = f"[...document.querySelectorAll('th a[href=\"#{claim}\"]')][0].closest('tr')"
    return tab.run(f"[...{script}.querySelectorAll('td')].filter(td => !td.hidden).map(td => td.querySelector('a').title)")


def near(tab: Tab, claim: str) -> str:
    """Scroll to a claim and wait for its plot; what the plot says of itself."""
    tab.run(f"document.getElementById('{claim}').scrollIntoView()")
    wait = "new Promise(done => { const look = () => { const plot = document.querySelector('#%s svg.time'); "
    wait += "plot ? done(plot.getAttribute('aria-label')) : setTimeout(look, 20) }; look() })"
    return tab.run(wait % claim)
