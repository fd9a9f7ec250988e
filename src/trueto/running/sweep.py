"""A sweep: the releases of a library, each in its own environment, judged and kept as small records that add up to a history."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import tempfile
import time
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trueto.candidates import parted, short_name
from trueto.errors import DataError, TruetoError, UsageError
from trueto.events import SUITE, RunRecord
from trueto.fixtures import fixture_digest
from trueto.history import Release, newest_first, read_release, release_file, stood_on, with_header, write_release
from trueto.model import SAMPLER_LAYERS, Judgement, Layer
from trueto.references import load_golden, reference, reference_names
from trueto.running.circumstances import environment, now
from trueto.running.client import Worker
from trueto.running.control import control, original
from trueto.running.entry import judged_run
from trueto.running.profiles import profile
from trueto.running.releases import build, released_on
from trueto.settings import GATE_OPTIONS

__all__ = ["OPTIONS", "Swept", "goldens_digest", "history_folder", "judge_release", "recorded", "sweep"]

# What `trueto gate` does when nothing is said, on the quick cells of samplers, of training and of what reads pictures and prompts.
OPTIONS: Mapping[str, Any] = {
    **{option.name: () if option.multiple else option.default for option in GATE_OPTIONS},
    "layer": tuple(map(str, (*SAMPLER_LAYERS, Layer.PREPROCESS, Layer.TRAINING))),
    "quick": True,
}
Progress = Callable[[Judgement], None]


@dataclass(frozen=True, slots=True)
class Swept:
    """How one release ended: `recorded` before, `judged`, `unjudged` with the reason, or `failed`, which leaves no record."""

    version: str
    outcome: str
    said: str
    seconds: float = 0.0


def history_folder(root: Path, spec: str) -> Path:
    """Where the history of a candidate is."""
    return root / short_name(spec)


def goldens_digest(names: Sequence[str]) -> str:
    """SHA-256 over what the verdicts of a record rest on: the suite's version, X, and the goldens of these references."""
    digest = hashlib.sha256(f"{SUITE}:{fixture_digest()}".encode())
    for name in sorted(set(names)):
        if name in reference_names() and reference(name).nets:
            digest.update(f"{name}:{load_golden(name).digest}\n".encode())
    return digest.hexdigest()


def recorded(folder: Path, version: str, options: Mapping[str, Any]) -> bool:
    """Whether a release is recorded on the same goldens, suite and selection; DataError for a damaged record."""
    if not (path := release_file(folder, version)).is_file():
        return False
    release = read_release(path)
    same = release.header.get("goldens") == goldens_digest([str(cell["reference"]) for cell in release.cells])
    made, wanted = release.header.get("selection", {}), _selection(options)
    return same and wanted == {name: made.get(name) for name in wanted}


def _selection(options: Mapping[str, Any]) -> dict[str, Any]:
    """What of a selection makes a record another one."""
    return {"layers": list(options["layer"]), "quick": bool(options["quick"]), "profiles": list(options["profile"]) or ["default"]}


@contextlib.contextmanager
def _alone(folder: Path) -> Generator[None]:
    """One sweep of a history at a time; UsageError for the second."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"another sweep is writing to {folder}", "wait for it; what it has recorded is skipped afterwards") from error
        yield


def sweep(
    name: str, versions: Sequence[str], folder: Path, options: Mapping[str, Any], *, again: bool = False, say: Callable[[str], None] = print
) -> Generator[Swept]:
    """Judge each release and record it; what is recorded already is passed over. A release that fails does not end the sweep."""
    with _alone(folder):
        controls = {} if again else _controls(folder, say)
        for version in versions:
            began, spec = time.monotonic(), f"{name}=={version}"
            try:
                if not again and recorded(folder, version, options):
                    outcome, said = "recorded", "recorded before"
                    _dated(spec, folder)
                else:
                    outcome, said = judge_release(spec, folder, options, say)
                _beside(spec, folder, controls, say)
            except TruetoError as error:
                outcome, said = "failed", error.message + (f" (try: {error.hint})" if error.hint else "")
            yield Swept(version, outcome, said, 0.0 if outcome == "recorded" else time.monotonic() - began)


def _day(spec: str) -> dict[str, str]:
    """The day of a release as its record has it; nothing where it is not known."""
    return {"released": day} if (day := released_on(spec)) else {}


def _dated(spec: str, folder: Path) -> None:
    """Put the day of a release into a record that was made before it was known."""
    release, day = read_release(release_file(folder, parted(spec)[1])), _day(spec)
    if day and release.header.get("released") != day["released"]:
        with_header(release_file(folder, release.version), **day)


Controls = dict[str, list[dict[str, Any]]]


def _stands_on(environment_of: Mapping[str, Any]) -> str:
    return json.dumps(stood_on({"environment": environment_of}), sort_keys=True)


def _controls(folder: Path, say: Callable[[str], None]) -> Controls:
    """What the control arm said in each environment that is recorded; a record that cannot be read is passed over, and said to be."""
    readable: list[Release] = []
    for path in folder.glob("*.jsonl"):
        try:
            readable.append(read_release(path))
        except DataError as error:
            say(f"what the control said beside it is passed over: {error.message}")
    headers = [release.header for release in newest_first(readable)[::-1] if release.header.get("control")]
    return {_stands_on(header.get("environment", {})): list(header["control"]) for header in headers}


def _beside(spec: str, folder: Path, controls: Controls, say: Callable[[str], None]) -> None:
    """Put what the control arm says in the environment of a release into its record; it is run once in each environment.

    A record that was made in another environment than there is now is left alone: nothing can be said of that one any more.
    """
    release = read_release(release_file(folder, parted(spec)[1]))
    key = _stands_on(release.header.get("environment", {}))
    if release.header.get("control") == controls.get(key, ()):
        return
    if key not in controls:
        if key != _stands_on(environment(spec)):
            return
        with contextlib.suppress(TruetoError):  # without a network the original may be missing, which the arm says
            build(original(), say=say)
        say(f"control in the environment of {spec}")
        controls[key] = control(spec)
    with_header(release_file(folder, release.version), control=controls[key])


def judge_release(
    spec: str, folder: Path, options: Mapping[str, Any], say: Callable[[str], None], *, source: Path | None = None
) -> tuple[str, str]:
    """Build what a release, or a commit of the repository `source`, needs, judge it and write its record; how it ended, and in words."""
    build(spec, source=source, say=say)
    worker = Worker(spec, profile("default"))
    try:
        who, loaded = worker.describe(), worker.load()
    finally:
        worker.close()
    if why := loaded.get("failed") or loaded.get("died"):
        header = {"id": uuid.uuid4().hex[:12], "started": now(), "candidate": who["candidate"], "version": who["version"]}
        empty = RunRecord(Path(), {**header, "environment": environment(spec), "selection": _selection(options), **_day(spec)}, [], [], [])
        write_release(folder, empty, goldens=goldens_digest([]), unjudged=f"cannot be imported: {why}")
        return "unjudged", f"cannot be imported: {why}"
    with tempfile.TemporaryDirectory(prefix="trueto-sweep-") as place:
        run = judged_run(spec, Path(place) / "run.jsonl", options)
    dated = replace(run, header={**run.header, **_day(spec)})
    write_release(folder, dated, goldens=goldens_digest([str(cell["reference"]) for cell in run.cells]))
    return "judged", ", ".join(f"{count} {verdict}" for verdict, count in sorted(run.counts.items()))
