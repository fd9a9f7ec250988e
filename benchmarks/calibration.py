"""The experiment behind the judge's one factor: how far harmless rewrites go, and which faults the factor still sees.

python benchmarks/calibration.py [--all] writes calibration.json and calibration.svg beside itself and prints the table.
Every rewrite is one of a certified spec, judged against the goldens in both arms, exactly as a candidate is.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from calibration_plot import plot, show
from calibration_rewrites import FAULTS, HARMLESS, rewritten
from calibration_shares import ARMS, FACTORS, Seen, by_name, killed, peaks_of, recommended

from trueto.candidates import load_candidate
from trueto.errors import DataError
from trueto.judge import compare
from trueto.model import Case, Claim, Layer
from trueto.observe import Observation
from trueto.references import Reference, reference, sampler_names
from trueto.references.golden import load_golden
from trueto.references.spec import _once, nudged
from trueto.running.client import Limits, Worker
from trueto.running.plan import covers
from trueto.running.profiles import absent, profile
from trueto.running.truth import Truth, golden_truth, parts

__all__ = ["main"]

HERE = Path(__file__).parent
NETS = {"open": Layer.UPDATE, "closed": Layer.TRAJECTORY}
FINER = {"grid_dtype": "float64"}  # a knob, but no fault: the same grid with less rounding
TOLD = "time told to the network"
EXECUTIONS = ("default", "float64", "threads-1", "threads-2", "isa-default", "isa-avx2", "isa-avx512", "onednn-off")
FAULT_CASES = 2
RUN_SECONDS = 3.0


def _worst(layer: Layer, truth: Truth, seen: Observation, dtype: str, told_spread: float) -> tuple[float, float]:
    """The worst ratio of the layer with the grid and start parts before it; and that of the told times by the golden's floor alone.

    Goldens hold no spread of the told times, which are computed from levels inside a step: here it is measured (`told_spread`).
    """
    found, plain = [0.0], 0.0
    for each in (Layer.SCHEDULE, Layer.START, layer):
        for what, expected, got in parts(each, truth, seen, dtype):
            comparison = compare(got, expected, what)
            if what == TOLD:
                plain = comparison.ratio
                wide = replace(
                    expected, floor_rms=np.maximum(expected.floor_rms, told_spread), floor_max=np.maximum(expected.floor_max, told_spread)
                )
                comparison = compare(got, wide, what)
            found.append(comparison.ratio)
    return max(found), plain


@cache
def _told_spread(name: str, case_id: str, dtype: str) -> float:
    """How far told times move when every level is moved by one unit in the last place, over eight such moves."""
    ref = reference(name)
    case = ref.case(case_id)
    base = _once(ref, case, "closed", dtype, {}, {})
    spread = 0.0
    for signs in np.random.default_rng(20260103).choice([-1.0, 1.0], (8, len(base.levels))):
        moved = np.where(base.levels == 0, 0, np.nextafter(base.levels, (signs * np.inf).astype(base.levels.dtype)))
        told = _once(ref, case, "closed", dtype, {}, {"levels": moved}).told
        if told.shape == base.told.shape:
            spread = max(spread, float(np.abs(told - base.told).max(initial=0)))
    return spread


def _judge(ref: Reference, case: Case, net: str, truth: Truth, knobs: Mapping[str, str], *, start: bool) -> dict[str, Any]:
    """Both arms of one rewritten spec on one golden; a rewrite that raises is beyond any ratio."""
    found: dict[str, Any] = {"raised": False}
    for dtype in ARMS:
        overrides = {"start": nudged(_original(truth, dtype).start.astype(dtype), 1)} if start else {}
        signal.setitimer(signal.ITIMER_REAL, RUN_SECONDS)  # a fault in its step control keeps an adaptive sampler from ending
        try:
            seen = _once(ref, case, net, dtype, knobs, overrides)
            found[dtype] = found[f"told {dtype}"] = math.inf
            if seen.error is None:
                spread = _told_spread(ref.id, case.id, dtype)
                found[dtype], found[f"told {dtype}"] = _worst(NETS[net], truth, seen, dtype, spread)
            found[f"path {dtype}"] = seen.path.tobytes() + seen.told.tobytes() + seen.levels.tobytes()
        except Exception:  # noqa: BLE001 - whatever a fault makes of a formula
            found[dtype] = found[f"told {dtype}"] = math.inf
            found[f"path {dtype}"], found["raised"] = b"raised", True
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    return found


def _original(truth: Truth, dtype: str) -> Observation:
    return truth.native if dtype == "float32" else truth.exact


def _goldens(name: str, which: slice = slice(None)) -> Iterator[tuple[Reference, Case, str, Truth]]:
    """The goldens by which a reference's spec is certified, of cases with several steps (of those, `which`)."""
    try:
        ref, golden = reference(name), load_golden(name)
    except DataError as error:
        print(f"left out: {name}: {error.message}", flush=True)
        return
    own_steps = getattr(ref.sample, "by_range", False)  # such a sampler takes many steps whatever the case says
    cases = [case for case in ref.cases if case.steps != 1 or own_steps]
    if not cases:
        raise DataError(f"{name} has no case with several steps", "benchmarks/calibration.py")
    for case in cases[which]:
        for net in NETS:
            truth = golden_truth(golden, case.id, net)
            if truth.native.error is None:
                yield ref, case, net, truth


def _see(
    ref: Reference, case: Case, net: str, truth: Truth, name: str, base: Mapping[str, Any], *, knobs: Any = None, start: bool = False
) -> Seen:
    found = _judge(ref, case, net, truth, knobs or {}, start=start)
    changed = any(found[f"path {dtype}"] != base[f"path {dtype}"] for dtype in ARMS)
    return Seen(ref.id, case.id, NETS[net].value, name, found["float32"], found["float64"], found["told float32"], changed, found["raised"])


def harmless(name: str) -> list[Seen]:
    """Every harmless rewrite of a reference's spec on every golden."""
    found, samples = [], []
    for ref, case, net, truth in _goldens(name):
        samples = samples or [new for rewrite in HARMLESS for new in rewritten(ref, rewrite)]
        base = _judge(ref, case, net, truth, {}, start=False)
        found.append(_see(ref, case, net, truth, "the spec itself", base))
        found.append(_see(ref, case, net, truth, "start moved by one unit in the last place", base, start=True))
        for what, sample in samples:
            found.append(_see(replace(ref, sample=sample), case, net, truth, what, base))
        if "grid_dtype" in ref.knobs:
            found.append(_see(ref, case, net, truth, "grid in float64, rounded once", base, knobs=FINER))
    return found


def faults(name: str, *, every: bool) -> list[Seen]:
    """Every fault at every place of a reference's spec, and every knob of it; those that the first cases let pass meet all the others."""
    found = _faulty(name, slice(None if every else FAULT_CASES), None)
    peaks = peaks_of(found)
    passed = {one.name for one in found if max(peaks.get(f"{name}: {one.name}", [0.0])) <= FACTORS[-1]}
    return found if every else found + _faulty(name, slice(FAULT_CASES, None), passed)


def _faulty(name: str, which: slice, only: set[str] | None) -> list[Seen]:
    """The faults (those in `only`, or all) on some of the cases."""
    found, samples = [], []
    for ref, case, net, truth in _goldens(name, which):
        samples = samples or [new for rewrite in FAULTS for new in rewritten(ref, rewrite)]
        base = _judge(ref, case, net, truth, {}, start=False)
        for what, sample in samples:
            if only is None or what in only:
                found.append(_see(replace(ref, sample=sample), case, net, truth, what, base))
        for knob, value in _knobs(ref):
            what = f"knob: {knob}={value}"
            if only is None or what in only:
                found.append(_see(ref, case, net, truth, what, base, knobs={knob: value}))
    return found


def execution() -> list[Seen]:
    """DPM++ 2M in torch, ten lines that are not the original's, under every way of executing that is here."""
    adapter = load_candidate(str(HERE / "null_candidate.py"))
    found = []
    for profile_name in EXECUTIONS:
        if absent(profile(profile_name)):
            continue
        worker = Worker(str(HERE / "null_candidate.py"), profile(profile_name))
        try:
            found += list(_executed(worker, adapter.claims[0], profile_name))
        finally:
            worker.close()
    return found


def _executed(worker: Worker, claim: Claim, profile_name: str) -> Iterator[Seen]:
    for ref, case, net, truth in _goldens(claim.reference):
        if not covers(claim, case):
            continue
        pair = [worker.run(claim, case, net, Limits(), twin=twin).observation for twin in (False, True)]
        if None in pair:
            print(f"no answer under {profile_name}: {case.id}", flush=True)
            continue
        spreads = [_told_spread(ref.id, case.id, dtype) for dtype in ARMS]
        ratios = [_worst(NETS[net], truth, seen, dtype, spread)[0] for seen, dtype, spread in zip(pair, ARMS, spreads, strict=True)]
        yield Seen(ref.id, case.id, NETS[net].value, f"torch, profile {profile_name}", ratios[0], ratios[1], 0.0, changed=True)


def _both(task: tuple[str, bool]) -> tuple[list[Seen], list[Seen]]:
    """Everything about one reference, in a process of its own."""
    name, every = task
    np.seterr(all="ignore")
    signal.signal(signal.SIGALRM, _too_long)
    found = harmless(name), faults(name, every=every)
    print(f"done: {name}", flush=True)
    return found


def _too_long(*_: object) -> None:
    raise TimeoutError


def _knobs(ref: Reference) -> list[tuple[str, str]]:
    return [(knob, value) for knob, values in ref.knobs.items() for value in values[1:] if FINER.get(knob) != value]


def calibrate(*, every: bool) -> dict[str, Any]:
    """Run the experiment; its whole result as plain data."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        seen = list(pool.map(_both, [(name, every) for name in sampler_names()]))
    safe, wrong = [one for found, _ in seen for one in found] + execution(), [one for _, found in seen for one in found]
    largest = max(max(one.float32, one.float64) for one in safe)
    return {
        "harmless": by_name(safe),
        "faults": by_name(wrong),
        **killed(wrong),
        "largest_harmless": largest,
        "told_without_spread": sorted({f"{o.reference} {o.case}: {o.name}: {o.told32:.3g}" for o in safe if o.told32 > largest}),
        "recommended": recommended(largest),
        "references": sorted({one.reference for one in safe}),
        "harmless_runs": len(safe),
        "curves": {arm: sorted(round(getattr(one, arm), 4) for one in safe) for arm in ARMS},
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="faults on every case, not only the first few of each reference")
    found = calibrate(every=parser.parse_args().all)
    plot(found, FACTORS, HERE / "calibration.svg")
    del found["curves"]
    (HERE / "calibration.json").write_text(json.dumps(found, indent=1) + "\n")
    show(found, FACTORS)


if __name__ == "__main__":
    main()
