"""Real servers for tests on free ports of this machine: PostgreSQL, S3 by rclone, and MLflow over both. Each ends with its test."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from serving import free_port

PATIENCE = 120.0
PASSWORD = "a-password-of-this-test"  # noqa: S105 - of a database that lives as long as its test
KEY, SECRET = "trueto", "a-secret-of-this-test"
BUCKET = "mlflow"
PACKAGES = Path(sys.prefix) / "servers"
NEEDED = ("boto3", "psycopg2", "bin/rclone")


def _programs() -> Path | None:
    """The folder of PostgreSQL's programs: on PATH, or where Debian keeps them."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return next((path.parent for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), None)


def missing() -> str:
    """What is not installed, with the command that installs it; empty where all is there."""
    if _programs() is None:
        return "PostgreSQL is not installed (Debian: apt-get install postgresql)"
    lacking = [name for name in NEEDED if not (PACKAGES / name).exists()]
    return f"{', '.join(lacking)} not in {PACKAGES} (make servers)" if lacking else ""


@dataclass
class Process:
    """A server that can die and come back at the same address."""

    command: list[str]
    port: int
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    user: str | None = None
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, in a group of its own; what it says goes to its log."""
        with self.log.open("ab") as log:
            environment = {**os.environ, **self.environment}
            self.running = subprocess.Popen(
                self.command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, user=self.user
            )

    def ready(self) -> None:
        """Wait until it takes connections, as MLflow does as soon as it answers."""
        began = time.monotonic()
        while not self._takes():
            assert self.running is not None
            assert self.running.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() - began < PATIENCE, self.log.read_text()[-3000:]
            time.sleep(0.1)

    def _takes(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
            return True
        return False

    def kill(self) -> None:
        """End it and all that it started, at once as a machine that loses its power."""
        if self.running is not None and self.running.poll() is None:
            os.killpg(self.running.pid, signal.SIGKILL)
            self.running.wait(30)

    @contextlib.contextmanager
    def up(self, *, wait: bool = True) -> Iterator[Self]:
        """As long as the context lasts; answering, where it is waited for."""
        self.start()
        try:
            if wait:
                self.ready()
            yield self
        finally:
            self.kill()


def address(process: Process) -> str:
    """Where a server of HTTP answers."""
    return f"http://127.0.0.1:{process.port}"


@dataclass
class Postgres(Process):
    """PostgreSQL with a cluster of its own."""

    programs: Path = Path()

    @property
    def uri(self) -> str:
        """As SQLAlchemy takes it."""
        return f"postgresql+psycopg2://trueto:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def ready(self) -> None:
        """Wait until it answers to queries: after a crash it takes connections before it has recovered."""
        super().ready()
        began = time.monotonic()
        while self._asked("select 1").returncode:
            assert time.monotonic() - began < PATIENCE, self.log.read_text()[-3000:]
            time.sleep(0.1)

    def kill(self) -> None:
        """Its own word for a crash: every session is cut, nothing is written, the next start has to recover."""
        if self.running is not None and self.running.poll() is None:
            self.running.send_signal(signal.SIGQUIT)
            self.running.wait(30)

    def rows(self, query: str) -> list[str]:
        """The answer to a query, a text a row."""
        done = self._asked(query)
        assert 0 == done.returncode, done.stderr
        return done.stdout.splitlines()

    def _asked(self, query: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.programs / "psql"), "-X", "-At", "-h", "127.0.0.1", "-p", str(self.port), "-U", "trueto", "-d", "postgres"]
        told = {**os.environ, "PGPASSWORD": PASSWORD, "PGCONNECT_TIMEOUT": "5"}
        return subprocess.run([*command, "-c", query], env=told, capture_output=True, text=True, timeout=60, check=False)


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """PostgreSQL, as a user that is not root, which it refuses to be."""
    programs, port = _programs(), free_port()
    assert programs is not None
    user = "postgres" if os.geteuid() == 0 else None
    place = Path(tempfile.mkdtemp(prefix="trueto-postgres-"))
    try:
        (place / "password").write_text(PASSWORD)
        if user:
            for path in (place, place / "password"):
                shutil.chown(path, user, user)
        made = [str(programs / "initdb"), "-D", str(place / "data"), "-U", "trueto", "-A", "scram-sha-256"]
        made += ["--pwfile", str(place / "password"), "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(made, cwd=place, check=True, capture_output=True, timeout=120, user=user)
        command = [str(programs / "postgres"), "-D", str(place / "data"), "-p", str(port), "-h", "127.0.0.1"]
        command += ["-c", "unix_socket_directories="]
        with Postgres(command, port, place / "log", user=user, programs=programs).up() as found:
            yield found
    finally:
        shutil.rmtree(place)


@contextlib.contextmanager
def s3(folder: Path) -> Iterator[Process]:
    """S3 with one bucket, which is a folder."""
    (folder / BUCKET).mkdir(parents=True)
    port = free_port()
    command = [str(PACKAGES / "bin" / "rclone"), "serve", "s3", "--addr", f"127.0.0.1:{port}", str(folder)]
    quiet = {"RCLONE_AUTH_KEY": f'"{KEY},{SECRET}"', "RCLONE_CONFIG": os.devnull}
    with Process(command, port, folder.parent / "s3.log", quiet).up() as found:
        yield found


def storage(store: Process) -> dict[str, str]:
    """The environment of an MLflow server that keeps artifacts there, with the packages for it; clients need none of it."""
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PACKAGES), os.environ.get("PYTHONPATH", "")])),
        "MLFLOW_S3_ENDPOINT_URL": address(store),
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


@contextlib.contextmanager
def mlflow_server(database: Postgres, store: Process, folder: Path) -> Iterator[Process]:
    """MLflow's own server over both, as somebody runs it who does not know trueto."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", database.uri, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--artifacts-destination", f"s3://{BUCKET}/artifacts", "--workers", "1"]
    with Process(command, port, folder / "mlflow.log", storage(store)).up(wait=False) as found:
        yield found


def get(url: str) -> bytes:
    """What a server of this machine answers."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30) as answer:
        return answer.read()
