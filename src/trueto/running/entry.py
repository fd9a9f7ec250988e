"""From the options of a user to an opened gate: names checked, ledger read, record writable, before anything runs."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from trueto.candidates import kept_path, ledger_path, parted, short_name
from trueto.errors import DataError, UsageError
from trueto.events import RunRecord, RunWriter, read_run
from trueto.ledger import load_ledger
from trueto.running.control import control
from trueto.running.gate import Gate, run_all
from trueto.running.kept import load_kept
from trueto.running.plan import Selection
from trueto.running.profiles import absent, profile, profile_names
from trueto.running.releases import release_of, written_for
from trueto.running.search import prepared
from trueto.running.weights import refuse_together

__all__ = ["chosen_profiles", "judged_run", "open_gate", "writable"]


def writable(path: Path) -> Path:
    """The path, after making sure that it can be written; UsageError else."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8"):
            pass
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", "another --output or --record") from error
    return path


def chosen_profiles(chosen: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The profiles to run, and with `all` those that cannot run here, with the reason."""
    if "all" in chosen:
        here = {name: absent(profile(name)) for name in profile_names()}
        return tuple(name for name, why in here.items() if not why), {name: why for name, why in here.items() if why}
    return tuple(profile(name).id for name in chosen) or ("default",), {}


def _seeds(values: tuple[str, ...]) -> tuple[int, ...]:
    try:
        return tuple(int(value) for value in values)
    except ValueError as error:
        raise UsageError(f"a seed is a whole number; saw {', '.join(values)}", "--seed 0") from error


def open_gate(spec: str, options: Mapping[str, Any], record: str | None) -> tuple[Gate, Path]:
    """The gate with its cells planned, and the path of its run record."""
    profiles, skipped = chosen_profiles(tuple(options["profile"]))
    selection = Selection(
        references=tuple(options["reference"]),
        claims=tuple(options["claim"]),
        layers=tuple(options["layer"]),
        cases=tuple(options["case"]),
        seeds=_seeds(tuple(options["seed"])),
        profiles=profiles,
        quick=bool(options["quick"]),
        weights=str(Path(options["weights"]).resolve()) if options["weights"] else "",
        source=str(Path(options["source"]).resolve()) if options["source"] else "",
    )
    refuse_together(str(options["laws"]), selection.weights, selection.source)
    name = short_name(spec)
    path = Path(options["ledger"]) if options["ledger"] else ledger_path(spec)
    release = parted(spec)[1]
    ledger = load_ledger(path, name, release_of(spec))
    if release and release not in written_for(spec) and not options["ledger"]:  # else the ledger speaks of the installed release
        ledger = replace(ledger, binding=False)
    gate = Gate(spec, selection, ledger, jobs=_jobs(options["jobs"]), skipped=skipped, ledger_file=options["ledger"] or "")
    kept = [one for one in load_kept(kept_path(spec)) if one.quick or not selection.quick]
    gate.kept, gate.kept_file = [(one.claim, one.case) for one in kept], str(kept_path(spec))
    try:
        gate.open()
        gate.control = control(spec, [name for name in profiles if not absent(profile(name))]) if options["control"] else ()
        gate.search = prepared(str(options["laws"]), gate.claims, selection)
        stamp = datetime.datetime.now(tz=datetime.UTC).strftime("%Y%m%dT%H%M%S")
        target = Path(record) if record else Path(".trueto") / "runs" / f"{stamp}-{name}.jsonl"
        return gate, writable(target)
    except BaseException:
        gate.close()
        raise


def judged_run(spec: str, path: Path, options: Mapping[str, Any]) -> RunRecord:
    """A gate from beginning to end, without a word on the terminal; DataError where it did not come to its end."""
    gate, target = open_gate(spec, options, str(path))
    try:
        with target.open("w", encoding="utf-8") as stream:
            run_all(gate, RunWriter(stream), uuid.uuid4().hex[:12], "none")
    finally:
        gate.close()
    run = read_run(target)
    if not run.complete:
        raise DataError(f"the run of {spec} did not come to its end", f"trueto gate {spec} --quick")
    return run


def _jobs(value: Any) -> int:
    try:
        count = int(value)
    except ValueError as error:
        raise UsageError(f"--jobs is a whole number; saw {value}", "--jobs 2") from error
    if count < 1:
        raise UsageError(f"--jobs is at least 1; saw {count}", "--jobs 2")
    return count
