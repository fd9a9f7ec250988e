"""What is answered below /drift: the files of the site as they are on disk, with links into MLflow, and pages for what is not there.

Nothing outside of the site's folder is read, whatever is asked for. No page may load anything, or run a script that is not trueto's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from trueto.dashboard.states import damaged_page, empty_page, missing_page
from trueto.errors import DataError
from trueto.history import read_history
from trueto.reports.history import HISTORY, history_page
from trueto.reports.page import GATEWAY, POLICY, SCRIPTS, script_policy

__all__ = ["Pages", "Reply"]

HTML = "text/html; charset=utf-8"
KINDS = {
    ".html": HTML,
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".jsonl": "text/plain; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
}
INDEX = "index.html"
HEADERS = {
    "Content-Security-Policy": POLICY.replace("img-src", f"{script_policy(*SCRIPTS)}; img-src 'self'") + "; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
Held = Callable[[str], frozenset[str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: what a server needs of it."""

    body: bytes
    kind: str = HTML
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: dict(HEADERS))


def _inside(site: Path, path: str) -> Path | None:
    """The file that an address means; None for what is hidden, of another kind, not there, or outside of the site, also by a link."""
    parts = path.split("/")
    if "\x00" in path or "\\" in path or any(part.startswith(".") or not part for part in parts):
        return None
    try:
        root = site.resolve()
        found = root.joinpath(*parts).resolve()
        return found if found.is_relative_to(root) and found.suffix in KINDS and found.is_file() else None
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=8)
def _history(folder: Path, _stamp: tuple[tuple[str, int, int], ...], back: str) -> str:
    return history_page(read_history(folder), back)


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """What a folder of records holds, so that a page is made anew only after a sweep."""
    seen = ((path.name, path.stat()) for path in sorted(folder.glob("*.jsonl")))
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in seen)


@dataclass(frozen=True, slots=True)
class Pages:
    """The site in a folder; `held` says what MLflow has of an original, and so which links to it are offered."""

    site: Path
    held: Held = lambda _: frozenset()

    def reply(self, path: str) -> Reply:
        """The answer to a request for `path`, as it stands behind /drift/. Never raises for anything that is asked for or on disk."""
        try:
            return self._reply(path or INDEX)
        except DataError as error:
            return Reply(damaged_page(error, _up(path)).encode(), status=500)
        except OSError as error:
            said = DataError(f"{error.filename or self.site} cannot be read: {error.strerror or error}", "trueto report RUN")
            return Reply(damaged_page(said, _up(path)).encode(), status=500)

    def histories(self) -> list[str]:
        """The candidates of which releases are recorded."""
        folder = self.site / HISTORY
        names = (path.name for path in folder.iterdir() if any(path.glob("*.jsonl"))) if folder.is_dir() else ()
        return sorted(name for name in names if not name.startswith("."))

    def _reply(self, path: str) -> Reply:
        file = _inside(self.site, path)
        if file is not None:
            kind = KINDS[file.suffix]
            content = file.read_bytes()
            return Reply(self._linked(content, path) if kind == HTML else content, kind)
        name = path.removeprefix(f"{HISTORY}/").removesuffix(".html")
        if path == f"{HISTORY}/{name}.html" and name in self.histories():
            folder = self.site / HISTORY / name
            made = _history(folder, _stamp(folder), f"../{INDEX}")
            return Reply(self._linked(made.encode("utf-8", "backslashreplace"), path))
        if path == INDEX:
            return Reply(empty_page(self.site, self.histories()).encode("utf-8", "backslashreplace"))
        return Reply(missing_page(path, self.histories(), _up(path)).encode("utf-8", "backslashreplace"), status=404)

    def _linked(self, content: bytes, path: str) -> bytes:
        """The page with a link to MLflow at each place that is kept for one, where MLflow has something to show."""

        def put(found: re.Match[bytes]) -> bytes:
            claim = found[1].decode("ascii")
            if not claim:
                return b'<p class="gateway"><a href="/">All runs in MLflow</a></p>'
            held, address = self.held(unquote(claim).partition("@")[0]), f"{_up(path)}open?claim={claim}"
            links = [f'<a href="{address}">step by step, a curve a version</a>'] if "runs" in held else []
            links += [f'<a href="{address}&amp;releases">over the releases</a>'] if "releases" in held else []
            return f'<p class="gateway">In MLflow: {" · ".join(links)}</p>'.encode() if links else b""

        return re.sub(GATEWAY.encode(), put, content)


def _up(path: str) -> str:
    """From a page to the folder of the site."""
    return "../" * path.count("/") or "./"
