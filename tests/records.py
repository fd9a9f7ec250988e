"""Synthetic run records for tests of everything that reads one: all verdicts, lists per step, and strings that mean harm."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

HOSTILE = (
    "<script>alert(1)</script> \"q\" 'a' | `x` ]]> & ![i](http://evil.example/p.png) @octocat #12 "
    "\x00\x1b[31m\u202e\u2028 javascript:alert(1) ünï\ud800"
)
CASES = ("karras-20", "model-20", "model-1", "model-7", "model-14", "model-28", "exponential-10", "v-15", "x0-12", "linear-15")
LAYERS = ("schedule", "start", "update", "trajectory", "noise")
COMMIT = "4601bf085320592473f681a62808ed873d17fad5"

# claim -> (verdict, layers it holds for, cause, reason)
STORIES: dict[str, tuple[str, tuple[str, ...], str, str]] = {
    "k_diffusion/dpmpp_2m": ("declared", ("schedule", "trajectory"), "grid", "The last noise level is 0.029, not 0."),
    "k_diffusion/dpmpp_2m@karras": ("faithful", (), "", ""),
    "k_diffusion/dpmpp_2s_ancestral": ("unjudged", ("noise",), "missing golden", "The recording of the noise tape is missing."),
    "k_diffusion/dpmpp_sde@singlestep": ("drifted", ("update", "trajectory"), "algorithm", "The noise has the scale of the whole step."),
    "k_diffusion/dpmpp_2m_sde": ("declared, unexplained", ("trajectory",), "", "The ledger allows between 10 and 40 times the rounding."),
    "k_diffusion/dpmpp_3m_sde": ("beyond", ("trajectory",), "", "Returns a sample for one step, where the original stops."),
    "k_diffusion/euler": ("identical", (), "", ""),
    "k_diffusion/euler_ancestral": ("faithful", (), "", ""),
    "k_diffusion/heun": ("drifted", ("update",), "precision", "The second derivative is taken in float32 where the original keeps more."),
    "k_diffusion/dpm_2": ("broken", ("trajectory",), "crash", "Raised IndexError at the last step, where the original returns a sample."),
    "k_diffusion/dpm_2_ancestral": ("disputed", ("noise",), "", "Three independent libraries draw the noise in the same other order."),
    "k_diffusion/lms": ("stale", ("schedule",), "", "The ledger declares rounded times; they are not rounded any more."),
    "compvis/plms": ("declared", ("update",), "algorithm", "The first step is an Euler step, not a pseudo improved Euler step."),
    "compvis/ddim": ("faithful", (), "", ""),
}
SIZES = ((0.0, "none"), (0.5, "negligible"), (2.0, "small"), (16.0, "visible"), (math.inf, "another image"))


def _rows(dice: random.Random, steps: int, first: int, *, bad: bool) -> dict[str, list[Any]]:
    drift, floor, ratios = [], [], []
    for step in range(steps):
        base = 3e-8 * 1.25**step
        ratio = dice.uniform(0.2, 2.2) if not bad or step + 1 < first else dice.uniform(0.6, 1.4) * 40 * 1.6 ** (step + 1 - first)
        floor.append(base)
        drift.append(base * ratio)
        ratios.append(ratio)
    return {"steps": list(range(1, steps + 1)), "drift_rms": drift, "floor_rms": floor, "ratios": ratios}


def _evidence(claim: str, case: str, layer: str, rows: dict[str, list[Any]], verdict: str, reason: str) -> dict[str, Any]:
    name = claim.partition("@")[0]
    evidence: dict[str, Any] = {
        "what": {"schedule": "noise level", "start": "start latents", "noise": "noise drawn"}.get(layer, "state"),
        "compared_with": "original",
        **rows,
        "worst": {"step": rows["steps"][-1], "index": [1, 2, 0, 2], "expected": 0.48210001, "got": 0.4913},
        "twin": {"ratio": 0.9, "drift": 2e-16, "floor": 2.2e-16, "agrees": verdict != "drifted", "valid": True, "why": ""},
        "claim_source": "https://huggingface.co/docs/diffusers/api/schedulers/overview",
        "quote": f"{name} in k-diffusion is the scheduler of that name here",
        "settings": {"scheduler": "DPMSolverMultistepScheduler", "algorithm_type": "dpmsolver++", "use_karras_sigmas": "karras" in case},
        "original_source": "k_diffusion/sampling.py:593",
        "spec_source": f"references/{name}.py:41",
        "command": f"trueto gate diffusers --claim '{claim}' --layer {layer} --case {case}",
    }
    if layer == "trajectory":
        evidence["exact"] = {"original": 0.0123, "candidate": 0.0123 if verdict != "declared" else 0.0101}
    if verdict.startswith("declared") or verdict == "stale":
        variant = "final_sigma=sigma_min" if verdict != "declared, unexplained" else ""
        proof = {"link": "https://github.com/huggingface/diffusers/pull/1", "test": "tests/test_ledger.py::test_final_sigma"}
        evidence["ledger"] = {"variant": variant, "reason": reason, "since": "0.11.0", **proof}
        evidence["original"] = {"ratio": 3.1e4, "drift": 2e-3, "grey_levels": 0.31}
        evidence["compared_with"] = "variant"
    if verdict == "broken":
        evidence["error"] = {"type": "IndexError", "message": "index 20 is out of bounds", "where": "scheduling_dpm.py:412"}
        for key in ("steps", "drift_rms", "floor_rms", "ratios", "worst", "twin"):
            evidence.pop(key, None)
    return evidence


def cell(
    claim: str, case: str, layer: str, *, verdict: str = "faithful", cause: str = "", reason: str = "", profile: str = "cpu"
) -> dict[str, Any]:
    """One cell record; the same arguments give the same record."""
    dice = random.Random(f"{claim}{case}{layer}")
    bad = verdict in ("drifted", "stale")
    steps = max(1, int(case.rpartition("-")[2])) if case.rpartition("-")[2].isdigit() else 10
    rows = _rows(dice, steps, 1 + steps // 4, bad=bad)
    ratio: float | None = max(rows["ratios"])
    if verdict == "identical":
        rows = {**rows, "drift_rms": [0.0] * steps, "ratios": [0.0] * steps}
        ratio = 0.0
    grey = 0.0 if verdict in ("identical", "faithful") else 1e-4 * min(float(ratio or 0), 2e5)
    size = next(word for below, word in SIZES if grey <= below) if grey else "none"
    if verdict in ("broken", "unjudged"):
        ratio = None
    return {
        "event": "cell", "candidate": "diffusers", "version": "0.42.1", "reference": claim.partition("@")[0], "claim": claim,
        "layer": layer,
        "case": case, "seed": 0, "profile": profile, "verdict": verdict,
        "drift": None if ratio is None else max(rows["drift_rms"]), "floor": None if ratio is None else max(rows["floor_rms"]),
        "ratio": ratio,
        "size": size, "grey_levels": None if ratio is None else grey, "first_step": 1 + steps // 4 if bad else None,
        "cause": cause, "reason": reason, "evidence": _evidence(claim, case, layer, rows, verdict, reason),
    }  # fmt: skip


def header(**fields: Any) -> dict[str, Any]:
    """A header line."""
    return {
        "event": "run", "schema": 1, "suite": "1.0", "id": "20261123T101500Z-1a2b3c4d", "started": "2026-11-23T10:15:00Z",
        "trueto": "0.1.0",
        "candidate": "diffusers", "version": "0.42.1", "profiles": ["cpu"],
        "environment": {"python": "3.11.7", "torch": "2.13.0", "numpy": "2.3.1", "cpu": "AVX2, 2 cores", "os": "Linux"},
        "goldens": {name.partition("@")[0]: "ab" * 32 for name in STORIES}, "fixture": "cd" * 32, "ledger": "ef" * 32, "selection": {},
        "cells": 700,
        **fields,
    }  # fmt: skip


def _hostile() -> list[dict[str, Any]]:
    """A cell, a note and a reference whose every text means harm."""
    worst = cell("k_diffusion/heun", "karras-20", "update", verdict="drifted", cause=HOSTILE, reason=HOSTILE)
    worst |= {"claim": HOSTILE, "reference": HOSTILE, "case": HOSTILE, "profile": HOSTILE, "size": HOSTILE}
    worst["evidence"] |= {
        "quote": HOSTILE,
        "claim_source": "javascript:alert(1)",
        "command": HOSTILE,
        "error": {"type": HOSTILE, "message": HOSTILE, "where": HOSTILE},
        "ledger": {"variant": HOSTILE, "reason": HOSTILE, "link": "javascript:alert(1)", "test": HOSTILE, "since": HOSTILE},
        "settings": {HOSTILE: HOSTILE},
        "worst": {"step": 1, "index": HOSTILE, "expected": HOSTILE, "got": HOSTILE},
        "what": HOSTILE,
        "original_source": HOSTILE,
    }
    return [worst, {"event": "note", "text": HOSTILE}, {"event": "no_claim", "reference": HOSTILE, "reason": HOSTILE}]


def events(
    *,
    claims: int | None = None,
    hostile: bool = False,
    complete: bool = True,
    profiles: tuple[str, ...] = ("cpu",),
    cases: tuple[str, ...] = CASES,
) -> list[dict[str, Any]]:
    """A whole run. More claims than there are stories repeat the stories under numbered names."""
    names = list(STORIES)
    lines = [header(profiles=list(profiles), cells=None if claims else 700)]
    for index in range(claims or len(names)):
        name = names[index % len(names)]
        verdict, layers, cause, reason = STORIES[name]
        claim = name if index < len(names) else f"{name}_{index}"
        for profile in profiles:
            for case in cases:
                for layer in LAYERS:
                    hit = layer in layers and case != "model-1"
                    quiet = "identical" if verdict == "identical" or layer == "start" else "faithful"
                    story = {"verdict": verdict, "cause": cause, "reason": reason} if hit else {"verdict": quiet}
                    lines.append(cell(claim, case, layer, profile=profile, **story))
    if hostile:
        lines[0] |= {"candidate": HOSTILE, "version": HOSTILE, "environment": {HOSTILE: HOSTILE}}
        lines += _hostile()
    lines += [
        {"event": "no_claim", "reference": "k_diffusion/dpm_fast", "reason": "diffusers has no fixed-budget DPM-Solver."},
        {"event": "no_claim", "reference": "k_diffusion/dpm_adaptive", "reason": "diffusers has no solver that chooses its own steps."},
        {"event": "note", "text": "profile cuda cannot run here: no CUDA device"},
    ]
    counts: dict[str, int] = {}
    for line in lines:
        if line["event"] == "cell":
            counts[line["verdict"]] = counts.get(line["verdict"], 0) + 1
    return [*lines, {"event": "end", "finished": "2026-11-23T10:15:48Z", "counts": counts, "exit_code": 1}] if complete else lines


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    """Write events as a run record; ASCII escapes, so that a lone surrogate gets through as a library could send it."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


HEAD = "a" * 40


def artifact(folder: Path, *, recorded: list[dict[str, Any]] | None = None, **changes: Any) -> Path:
    """What `trueto ci gate` would have left on a pull request: the result for request 7 at HEAD, and a record."""
    folder.mkdir(exist_ok=True, parents=True)
    result = {
        "schema": 1,
        "verdict": "failed",
        "exit_code": 1,
        "counts": {},
        "proposed": [],
        "digest": "",
        "approved": False,
        "comment": True,
    }
    (folder / "result.json").write_text(json.dumps({**result, "number": 7, "head": HEAD, **changes}))
    write(folder / "run.jsonl", recorded or events(hostile=True))
    return folder
