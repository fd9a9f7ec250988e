"""Starts MLflow's server with the site mounted, waits until both answer, and ends it with everything that it started."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import IO

from trueto.errors import TruetoError, UsageError
from trueto.settings import TRACKING_URI, serving_environment
from trueto.trackers import TrackerError, shown
from trueto.trackers._reach import of_another_age

__all__ = ["Server", "serve"]

READY = 120.0  # seconds; a new database is made first, which takes about ten of them
END = 10.0
EVERY = 0.25
LOCAL = f"trueto serve --tracking-uri {TRACKING_URI}"


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers: its addresses."""

    mlflow: str
    drift: str
    process: subprocess.Popen[bytes]


def _installed(*, auth: bool, artifacts: str) -> None:
    """MLflow has to be there, and to know of the page."""
    if importlib.util.find_spec("mlflow") is None:
        raise UsageError("MLflow is not installed, and it is what serves the page", "pip install 'trueto[mlflow]'")
    if auth and importlib.util.find_spec("flask_wtf") is None:
        raise UsageError("MLflow's authentication is not installed", "pip install 'mlflow[auth]'")
    if artifacts.startswith("s3:") and importlib.util.find_spec("boto3") is None:
        raise UsageError(f"what MLflow needs to reach {artifacts} is not installed: boto3", "pip install 'trueto[servers]'")
    if not entry_points(group="mlflow.app", name="trueto"):
        raise UsageError("MLflow does not know of the page: this trueto was installed before it had one", "pip install -e '.[mlflow]'")


def _free(host: str, port: int) -> None:
    """The port has to be free; the next one that is, is named."""

    def refused(number: int) -> OSError | None:
        try:
            with socket.create_server((host, number), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
                return None
        except OSError as error:
            return error

    error = refused(port)
    if error is None:
        return
    free = next((number for number in range(port + 1, min(port + 50, 65536)) if refused(number) is None), None)
    hint = f"trueto serve --port {free}" if free else "trueto serve --host 127.0.0.1"
    raise UsageError(f"port {port} of {host} cannot be used: {error.strerror or error}", hint)


def _store(uri: str) -> None:
    """A database that can be reached; a server is one already and has its pages itself."""
    from trueto.trackers.mlflow import DATABASES, reachable

    scheme = uri.partition(":")[0].partition("+")[0]
    if scheme in {"http", "https"}:
        raise UsageError(f"{shown(uri)} is an MLflow server; trueto serve is one, over a database", LOCAL)
    if scheme not in DATABASES:
        raise UsageError(f"{shown(uri)} is no database that MLflow can use", LOCAL)
    try:
        reachable(uri)
    except OSError as error:
        raise TrackerError(f"MLflow's database {shown(uri)} cannot be used: {error.strerror or error}", LOCAL) from error


def _failed(log: IO[bytes], uri: str) -> TruetoError:
    """Why the server ended before it answered."""
    log.seek(0)
    lines = [line.strip() for line in log.read().decode("utf-8", "replace").splitlines() if line.strip()]
    if error := of_another_age("\n".join(lines), uri):
        return error
    told = [line for line in lines if re.search(r"error|exception|refuse|failed", line, re.IGNORECASE)] or lines
    said = told[-1][-500:] if told else "it said nothing"
    return TrackerError(f"MLflow's server did not start: {said}", "trueto doctor")


def _answers(address: str) -> bool:
    """Whether something answers there; a request for a name and a password is an answer."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(address, timeout=5.0):
            return True
    except urllib.error.HTTPError as error:
        return error.code in {401, 500}
    except OSError:
        return False


def _wait(process: subprocess.Popen[bytes], address: str, failed: Callable[[], TruetoError], say: Callable[[str], None]) -> None:
    began = time.monotonic()
    while not _answers(address):
        if process.poll() is not None:
            raise failed()
        if time.monotonic() - began > READY:
            raise TrackerError(f"MLflow's server did not answer within {READY:.0f} s", "trueto serve, once more")
        say("MLflow is starting (about twenty seconds; a new database takes longer)")
        time.sleep(EVERY)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server and all its workers: politely, then not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END)


@contextlib.contextmanager
def serve(
    site: Path,
    tracking_uri: str,
    *,
    host: str = "127.0.0.1",
    port: int = 5000,
    auth: bool = False,
    artifacts: str = "",
    say: Callable[[str], None] = lambda _: None,
) -> Generator[Server, None, None]:
    """MLflow over `tracking_uri` with the pages of `site` at /drift, as long as the context lasts.

    `artifacts` is where it keeps pictures and files that clients send: a folder, or an address that MLflow knows, as s3://bucket/path.
    Its checks of Host and Origin stay on; telemetry and background jobs are off. Raises UsageError for what the user can change, as a
    port that is taken, and TrackerError where MLflow refuses.
    """
    _installed(auth=auth, artifacts=artifacts)
    _free(host, port)
    _store(tracking_uri)
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", "trueto", "--backend-store-uri", tracking_uri]
    command += ["--host", host, "--port", str(port), "--workers", "1"]
    command += ["--artifacts-destination", artifacts] if artifacts else []
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - said by the user
    address = f"http://{local}:{port}"
    with tempfile.TemporaryFile() as log:
        environment = serving_environment(site, tracking_uri, auth=auth)
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            _wait(process, f"{address}/drift/", lambda: _failed(log, tracking_uri), say)
            yield Server(address, f"{address}/drift/", process)
        finally:
            _end(process)
