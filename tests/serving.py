"""A real `trueto serve` for tests: started on a free port of this machine, ended by Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from trueto.settings import data_root

PATIENCE = 120.0
ENTRY = "[mlflow.app]\ntrueto = trueto.dashboard.app:create_app\n"


@dataclass(frozen=True)
class Served:
    """A server that answers, and what it said until then."""

    address: str
    said: str
    seconds: float
    process: subprocess.Popen[str]

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Ask for a page: status, headers, content; redirections are not followed."""
        request = urllib.request.Request(f"{self.address}{path}", headers=headers)  # noqa: S310 - an address of this machine
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status, {key.lower(): value for key, value in answer.headers.items()}, answer.read()
        except urllib.request.HTTPError as error:
            return error.code, {key.lower(): value for key, value in error.headers.items()}, error.read()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def free_port() -> int:
    """A port that nobody uses just now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def environment(folder: Path, **more: str) -> dict[str, str]:
    """This environment; where this trueto was installed before it had the page, MLflow is told of it by a distribution of its own."""
    told = {**os.environ, "TRUETO_ROOT": str(data_root()), **more}
    if not entry_points(group="mlflow.app", name="trueto"):
        info = folder / "entry" / "trueto_page-0.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: trueto-page\nVersion: 0\n")
        (info / "entry_points.txt").write_text(ENTRY)
        told["PYTHONPATH"] = os.pathsep.join(filter(None, [str(info.parent), told.get("PYTHONPATH", "")]))
    return told


def end(process: subprocess.Popen[str], number: int = signal.SIGINT) -> tuple[int, str]:
    """Press Ctrl-C, or what else ends it: exit code and the rest of what it said."""
    process.send_signal(number)
    rest, _ = process.communicate(timeout=60)
    return process.returncode, rest


@contextlib.contextmanager
def served(folder: Path, *options: str, port: int = 0, **more: str) -> Iterator[Served]:
    """`trueto serve` in a folder, as soon as it says that it is ready; by default on a free port."""
    port, began = port or free_port(), time.monotonic()
    command = [sys.executable, "-m", "trueto", "serve", "--port", str(port), *options]
    process = subprocess.Popen(
        command, cwd=folder, env=environment(folder, **more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said = ""
    try:
        assert process.stdout is not None
        while "Ctrl-C ends it" not in said:
            line = process.stdout.readline()
            assert line, f"it ended by itself: {said}"
            assert time.monotonic() - began < PATIENCE, said
            said += line
        yield Served(f"http://127.0.0.1:{port}", said, time.monotonic() - began, process)
    finally:
        if process.poll() is None:
            end(process)
