"""Everything that is written about one run: which files, what is in them, and that none of them is ever half-written."""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from trueto.errors import UsageError
from trueto.events import RunRecord, read_run
from trueto.model import Verdict
from trueto.reports.claim import claim_page, plot_label
from trueto.reports.dispute import disputed
from trueto.reports.history import HISTORY, history_of, history_page
from trueto.reports.implementations import beside, implementations_of, implementations_page
from trueto.reports.index import index_page
from trueto.reports.matrix import matrix
from trueto.reports.page import GENERATOR
from trueto.reports.plot import plotted, series_of, standalone
from trueto.reports.power import ALARMS, CERTIFICATE, certified, false_alarms
from trueto.reports.summary import drift_csv, summary_json
from trueto.reports.view import Overview, overview

__all__ = ["render_site", "write_site", "write_sites", "write_text"]

PAGE = "claims/history.html"
BESIDE = "claims/implementations.html"
OURS = f'<meta name="generator" content="{GENERATOR}">'


def _pages(view: Overview) -> dict[str, str]:
    """Page, picture and address book of every claim. claims/pages.json tells other consumers which page belongs to which claim."""
    files: dict[str, str] = {}
    book: dict[str, dict[str, str]] = {}
    for claim in view.claims:
        entry = {"page": f"claims/{claim.slug}.html"}
        files[entry["page"]] = claim_page(view, claim)
        cell = next(iter(plotted(claim)), None)
        series = series_of(cell) if cell else None
        if cell and series:
            entry["plot"] = f"claims/{claim.slug}.svg"
            files[entry["plot"]] = standalone(series, plot_label(view, cell))
        book[claim.claim] = entry
    files["claims/pages.json"] = json.dumps({"run": view.record.header.get("id"), "claims": dict(sorted(book.items()))}, indent=1) + "\n"
    return files


def render_site(view: Overview) -> dict[str, str]:
    """All files by their path below the output folder; index.html last, so that it never leads to a page that is not there yet."""
    return {
        "summary.json": summary_json(view),
        "drift.csv": drift_csv(view),
        "matrix.md": matrix(view),
        **_pages(view),
        "index.html": index_page(view),
    }


def write_text(path: Path, text: str) -> None:
    """Write a file as a whole or not at all; UsageError where it cannot be written."""
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".trueto-")
        temporary = Path(name)
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
            stream.write(text)
        temporary.chmod(0o644)  # mkstemp makes files that only their owner reads
        temporary.replace(path)
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                temporary.unlink()
        raise UsageError(f"{path} cannot be written: {error.strerror or error}", "choose a folder that you may write to") from error


def safe_name(name: str) -> str:
    """A candidate's name as the name of a folder: letters, digits and signs that are safe anywhere."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "candidate"


def _forget(folder: Path, kept: set[Path]) -> None:
    """Remove pages of claims that this run no longer has; only what an earlier run wrote is touched."""
    for page in folder.glob("*.html"):
        if page in kept or not page.is_file():
            continue
        with contextlib.suppress(OSError):
            if OURS in page.read_text(encoding="utf-8", errors="replace")[:2000]:
                page.with_suffix(".svg").unlink(missing_ok=True)
                page.unlink()


def write_site(record: Path | RunRecord, out_dir: Path) -> list[Path]:
    """Write summary.json, drift.csv, matrix.md, index.html and a page and a picture for each claim; returns the files.

    Everything is rendered before the first file is written. Raises DataError for a record that cannot be read, UsageError where
    nothing can be written. A certificate (power.json) and the false alarms (false_alarms.json) in the folder are shown where they are
    of the same candidate and version, the history of its releases (history/<candidate>/) on a page of its own, all libraries that have
    a history beside each other on another, and links to reports in folders of this one.
    """
    return _write(record if isinstance(record, RunRecord) else read_run(Path(record)), Path(out_dir))


def write_sites(records: Sequence[Path | RunRecord], out_dir: Path) -> dict[str, tuple[list[Path], int]]:
    """A site for each of several candidates, in a folder of its name, with disputed cells marked; its files and how many those are."""
    found = {}
    for record in disputed([one if isinstance(one, RunRecord) else read_run(Path(one)) for one in records]):
        name = str(record.header.get("candidate"))
        found[name] = (_write(record, Path(out_dir) / safe_name(name)), record.counts[Verdict.DISPUTED])
    return found


def _others(out_dir: Path) -> tuple[str, ...]:
    """The folders in a report that are reports of other libraries."""
    return tuple(sorted(path.parent.name for path in out_dir.glob("*/summary.json") if _is_report(path.parent)))


def _is_report(folder: Path) -> bool:
    return (folder / "summary.json").is_file() and (folder / "index.html").is_file()


def _write(record: RunRecord, out_dir: Path) -> list[Path]:
    """Write everything about one run; returns the files."""
    header = record.header
    releases = history_of(out_dir / HISTORY / safe_name(str(header.get("candidate"))))
    power, measured_by = certified(out_dir / CERTIFICATE, header)
    seen = overview(record, power, false_alarms(out_dir / ALARMS, header))
    found = implementations_of(out_dir / HISTORY)
    past = frozenset(str(cell["claim"]) for release in releases for cell in release.cells)
    sites = {"libraries": beside(found), "reports": _others(out_dir), "above": _is_report(out_dir.resolve().parent)}
    view = replace(seen, measured_by=measured_by, releases=len(releases), past=past, **sites)
    pages = (
        {PAGE: history_page(releases, "../index.html", {claim.claim: f"{claim.slug}.html" for claim in view.claims})} if releases else {}
    )
    pages |= {BESIDE: implementations_page(found, view)} if view.libraries else {}
    files = {out_dir / name: text for name, text in {**pages, **render_site(view)}.items()}
    for path, text in files.items():
        write_text(path, text)
    _forget(out_dir / "claims", set(files))
    return list(files)
