"""What is sent of a file or a folder: of each record its runs, and of the records of releases one run more, the curve over releases."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import Version

from trueto.errors import DataError
from trueto.events import RunRecord, read_run
from trueto.history import Release, far, is_release, read_history, read_release, release_file, release_run
from trueto.trackers._plan import Cells, Metric, RunPlan, log10_or_least, name, plans, text

__all__ = ["OVER", "Source", "batched", "pages_of", "sources"]

OVER = "trueto.over"
USUAL = "default"  # the profile that is not named


@dataclass(frozen=True, slots=True)
class Source:
    """One record, and the runs to be made of it; `said` is what users call it, `release` a record that is kept without its steps."""

    said: str
    record: RunRecord
    plans: tuple[RunPlan, ...]
    release: bool = False


def sources(path: Path) -> list[Source]:
    """Everything that a path holds, oldest first, all of it read before any is sent. DataError where there is nothing, or it is damaged."""
    if path.is_dir():
        return _folder(path)
    return [_release(read_release(path), path) if is_release(path) else _run(path)]


def _run(path: Path) -> Source:
    record = read_run(path)
    return Source(path.name, record, tuple(plans(record)))


def _release(release: Release, path: Path) -> Source:
    record = release_run(release, path)
    return Source(f"{release.candidate} {release.version}", record, tuple(plans(record)), release=True)


def _folder(path: Path) -> list[Source]:
    files = sorted(path.glob("*.jsonl"))
    if not files:
        typed = "trueto publish reports/history/CANDIDATE"
        raise DataError(f"{path} has no run record (no *.jsonl)", typed)
    if not all(map(is_release, files)):
        return [source for file in files for source in sources(file)]
    judged = [release for release in read_history(path) if release.cells]
    made = [_release(release, release_file(path, release.version)) for release in judged]
    return [_over(path, judged), *made] if judged else made


def step_of(version: str) -> int:
    """A release as a step that MLflow can draw: 0.26.3 is 2603, 1.2 is 10200."""
    parts = (*Version(version).release, 0, 0, 0)
    return parts[0] * 10_000 + parts[1] * 100 + parts[2]


def _curves(steps: Sequence[tuple[int, Cells]]) -> Iterator[Metric]:
    """Of each layer the distance from the original at each release, and of all the change of the picture."""
    for step, cells in steps:
        for layer in sorted({str(cell["layer"]) for cell in cells}):
            values = [value for cell in cells if cell["layer"] == layer and (value := far(cell)) is not None]
            if values:
                yield Metric(name("release_ratio", layer), step, max(values))
                yield Metric(name("release_log10_ratio", layer), step, log10_or_least(max(values)))
        grey = [float(cell["grey_levels"]) for cell in cells if isinstance(cell["grey_levels"], int | float)]
        yield Metric("release_grey_levels", step, max(grey, default=0.0))


def _over(path: Path, releases: Sequence[Release]) -> Source:
    """One run a claim and profile with a step a release, so that MLflow draws when Y moved; made anew when a release is added."""
    record = release_run(releases[-1], path)
    candidate, found = releases[-1].candidate, list[RunPlan]()
    for claim, profile in sorted({(str(cell["claim"]), str(cell["profile"])) for release in releases for cell in release.cells}):
        mine = ((r, [c for c in r.cells if (c["claim"], c["profile"]) == (claim, profile)]) for r in releases)
        steps = [(step_of(release.version), cells) for release, cells in mine if cells]
        under = "" if profile == USUAL else f" {profile}"
        metrics = tuple(sorted(set(_curves(steps))))
        reference, over = str(steps[-1][1][0]["reference"]), text(f"{candidate} {claim}{under}")
        content = json.dumps([over, [(m.name, m.step, m.value) for m in metrics]])
        key = hashlib.sha256(content.encode("ascii")).hexdigest()
        label = text(f"{candidate} over {len(steps)} releases{under}" + (f" · {claim}" if claim != reference else ""), 250)
        note = "Distance from the original by release: step 2603 is release 0.26.3. Ratios are in units of the original's own rounding."
        tags: dict[str, Any] = {"trueto.key": key, OVER: over, "candidate": candidate, "claim": claim, "profile": profile}
        tags["mlflow.note.content"] = note
        tags["command"] = f"trueto history {candidate} --claim '{claim}'"
        told = {tag: text(value) for tag, value in tags.items()}
        cells = steps[-1][1]
        found.append(RunPlan(key, reference, claim, "releases", label, cells, metrics, told, {"releases": str(len(steps))}))
    return Source(f"{candidate} over its releases", record, tuple(found), release=True)


def batched(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """Pieces of at most `size`."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def pages_of(site: Path | None, record: RunRecord) -> dict[str, list[Path]]:
    """Files of the site by claim, if the site was made of this very run."""
    if site is None or not (Path(site) / "claims/pages.json").is_file():
        return {}
    book = json.loads((Path(site) / "claims/pages.json").read_text(encoding="utf-8"))
    if book.get("run") != record.header.get("id"):
        return {}
    return {claim: [path for name in entry.values() if (path := Path(site) / name).is_file()] for claim, entry in book["claims"].items()}
