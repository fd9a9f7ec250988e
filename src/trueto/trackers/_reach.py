"""Whether a store can be used at all, known in seconds and before MLflow is asked, which tries for minutes. Knows no tracker."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import socket
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from trueto.trackers import TrackerError, shown

__all__ = ["DATABASES", "database_file", "of_another_age", "reachable"]

CONNECT_SECONDS = 3.0
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
SERVERS = "pip install 'trueto[servers]'"


def reachable(uri: str) -> None:
    """Fail in seconds where MLflow itself would try again for minutes; OSError says why, TrackerError what to install."""
    parts = urlsplit(uri)
    scheme = parts.scheme.partition("+")[0]
    if scheme == "sqlite":
        _usable_database(database_file(uri))
        return
    if parts.hostname and scheme in PORTS and not _through_proxy(scheme, parts.hostname):
        socket.create_connection((parts.hostname, parts.port or PORTS[scheme]), CONNECT_SECONDS).close()
    if scheme in DATABASES:
        _driver(uri)


def of_another_age(said: str, uri: str) -> TrackerError | None:
    """What to say where MLflow has said that the tables of a database are not of its own version; None where it has not."""
    found = re.search(r"out-of-date database schema \(found version (\w+)", said)
    if found is None:
        return None
    mlflow = importlib.util.find_spec("mlflow")
    known = [] if mlflow is None or mlflow.origin is None else Path(mlflow.origin).parent.glob("store/db_migrations/versions/*.py")
    if any(path.name.startswith(f"{found[1]}_") for path in known):
        hint = f"mlflow db upgrade {shlex.quote(shown(uri))}   (make a copy of the database first)"
        return TrackerError(f"the database {shown(uri)} was made by an older MLflow", hint)
    return TrackerError(f"the database {shown(uri)} was made by a newer MLflow than the one that is installed", "pip install -U mlflow")


def _driver(uri: str) -> None:
    """The package by which SQLAlchemy speaks to a database; which one that is depends on its release, unless the address says it."""
    try:
        from sqlalchemy import create_engine
    except ImportError:
        return  # without it there is no MLflow either, which is said elsewhere
    try:
        create_engine(uri).dispose()
    except ImportError as error:
        named = uri.startswith("postgresql+psycopg2:") or not uri.startswith("postgresql")
        hint = SERVERS if named else f"{SERVERS}, and begin the address with postgresql+psycopg2://"
        raise TrackerError(f"the Python package for {shown(uri)} is not installed: {error.name or error}", hint) from error


def _through_proxy(scheme: str, host: str) -> bool:
    return scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host)


def database_file(uri: str) -> Path:
    """The file of a SQLite store."""
    return Path(uri.partition("://")[2].removeprefix("/").partition("?")[0])


def _usable_database(path: Path) -> None:
    """A SQLite file that exists must be one; a new one needs a folder to be in."""
    if path.is_file():
        with path.open("rb") as stream:
            head = stream.read(16)
        if head and head != b"SQLite format 3\x00":
            raise OSError(f"{path} is not a SQLite database")
        if not os.access(path, os.W_OK):
            raise PermissionError(f"{path} may not be written to")
    elif not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} does not exist")
