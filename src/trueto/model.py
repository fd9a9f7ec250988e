"""The records that travel between the layers of trueto; no behaviour beyond their own consistency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = [
    "LAYERS",
    "SAMPLER_LAYERS",
    "Case",
    "Cell",
    "Claim",
    "Comparison",
    "Judgement",
    "Layer",
    "Profile",
    "Verdict",
    "is_drawn",
]


class Layer(StrEnum):
    """What is compared, from cheap to dear."""

    SCHEDULE = "schedule"
    START = "start"
    UPDATE = "update"
    TRAJECTORY = "trajectory"
    NOISE = "noise"
    MODULE = "module"
    PREPROCESS = "preprocess"
    PIPELINE = "pipeline"
    TRAINING = "training"
    INVARIANCE = "invariance"

    @property
    def of_outputs(self) -> bool:
        """Whether what is compared are named tensors that a function returns, and not what a sampler does with a network."""
        return self not in SAMPLER_LAYERS


LAYERS: tuple[Layer, ...] = tuple(Layer)
SAMPLER_LAYERS: tuple[Layer, ...] = LAYERS[:5]


class Verdict(StrEnum):
    """The outcome of one cell; the values are the words that users read."""

    IDENTICAL = "identical"
    FAITHFUL = "faithful"
    CONSISTENT = "consistent with"
    DECLARED = "declared"
    DECLARED_UNEXPLAINED = "declared, unexplained"
    DRIFTED = "drifted"
    STALE = "stale"
    BROKEN = "broken"
    BEYOND = "beyond"
    DISPUTED = "disputed"
    UNJUDGED = "unjudged"
    NO_CLAIM = "no claim"

    @property
    def same(self) -> bool:
        """Whether there is no difference: Y is the original's Y, or, where the original has no such option, what its parts make."""
        return self in (Verdict.IDENTICAL, Verdict.FAITHFUL, Verdict.CONSISTENT)

    @property
    def declared(self) -> bool:
        """Whether Y differs as the ledger says."""
        return self in (Verdict.DECLARED, Verdict.DECLARED_UNEXPLAINED)

    @property
    def bad(self) -> bool:
        """Whether the gate fails on it (exit code 1)."""
        return self in (Verdict.DRIFTED, Verdict.STALE, Verdict.BROKEN)

    @property
    def unknown(self) -> bool:
        """Whether nothing could be said (exit code 2)."""
        return self in (Verdict.UNJUDGED, Verdict.DISPUTED)


SPELLED = ("steps=", "text=")  # what the id of every drawn case says, of a sampler or of a function that reads text


def is_drawn(case_id: str) -> bool:
    """Whether an id spells out an X that no original was recorded on, as `steps=11,grid=karras` or `text=61+301`."""
    return any(part in case_id for part in SPELLED)


@dataclass(frozen=True, slots=True)
class Case:
    """One X for a reference: everything that is fed in besides the dtype.

    `grid` names the noise-level grid, `schedule` the training schedule, `network` the closed-loop
    network, `options` the algorithm's own arguments (as `{"eta": 1.0}`), `shape` is (B, C, H, W). `composed` are settings
    of a candidate that no original has (as `{"timestep_spacing": "leading"}`), which its claim maps to knobs of the spec.
    Of a function whose named outputs are compared only `options`, `seed` and `layers` say anything. `weights` is the path of a
    checkpoint whose weights stand in the place of those of the toy networks, `source` of a clone of the candidate whose published
    example is run in the place of what the adapter makes of it.
    """

    id: str
    steps: int
    grid: str = "model"
    schedule: str = "sd_v1"
    parameterization: str = "eps"
    network: str = "mixture"
    options: Mapping[str, Any] = field(default_factory=dict)
    guidance: float | None = None
    shape: tuple[int, int, int, int] = (2, 4, 4, 3)
    seed: int = 0
    quick: bool = False
    layers: tuple[str, ...] = tuple(SAMPLER_LAYERS)
    composed: Mapping[str, str] = field(default_factory=dict)
    weights: str = ""
    source: str = ""

    @property
    def drawn(self) -> bool:
        """Whether it is an X that no original was recorded on, whose id spells it out."""
        return is_drawn(self.id)

    @property
    def of_outputs(self) -> bool:
        """Whether the named outputs of a function are compared on it."""
        return self.kinds == {True}

    @property
    def kinds(self) -> set[bool]:
        """For each of its layers whether named outputs are compared in it; one element, or nothing could run it."""
        return {Layer(layer).of_outputs for layer in self.layers}

    def to_json(self) -> dict[str, Any]:
        """The case as plain JSON data, for the worker protocol."""
        return {
            "id": self.id,
            "steps": self.steps,
            "grid": self.grid,
            "schedule": self.schedule,
            "parameterization": self.parameterization,
            "network": self.network,
            "options": dict(self.options),
            "guidance": self.guidance,
            "shape": list(self.shape),
            "seed": self.seed,
            "quick": self.quick,
            "layers": list(self.layers),
            "composed": dict(self.composed),
            **{name: value for name in ("weights", "source") if (value := getattr(self, name))},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Case:
        """The inverse of `to_json`; raises TypeError on unknown fields."""
        fields = dict(data)
        fields["shape"] = tuple(fields["shape"])
        fields["layers"] = tuple(fields["layers"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement that a candidate, configured so, is a reference, and where its own docs say it.

    `settings` is a table from grid name (or `*`) to the candidate's own settings. `cases` are glob patterns of the case ids that
    the claim covers.
    """

    id: str
    reference: str
    implementation: str
    source: str
    quote: str
    cases: tuple[str, ...] = ("*",)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """How a candidate is run: device, dtype, threads, CPU capability, and the like; `seconds` is the time that one run may take."""

    id: str
    dtype: str = "float32"
    device: str = "cpu"
    threads: int = 1
    env: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, Any] = field(default_factory=dict)
    needs: str = ""
    seconds: float = 60.0
    summary: str = ""

    def to_json(self) -> dict[str, Any]:
        """The part of the profile that a worker needs."""
        return {
            "id": self.id,
            "dtype": self.dtype,
            "device": self.device,
            "threads": self.threads,
            "flags": dict(self.flags),
        }


@dataclass(frozen=True, slots=True)
class Cell:
    """The unit of judgement: claim x case x layer x seed x profile."""

    candidate: str
    claim: Claim
    case: Case
    layer: Layer
    profile: str

    @property
    def id(self) -> str:
        """The name that users type, as `k_diffusion/heun:update:karras-20`."""
        return f"{self.claim.id}:{self.layer}:{self.case.id}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far a candidate's tensors are from the original's, per step and at worst.

    `drift_rms`, `drift_max`, `floor_rms`, `floor_max` have one entry per step; `ratio` is the worst drift over floor of all
    steps and both norms. `first_step` is the first whose ratio exceeds the factor, or None. `looks` says what the difference looks like.
    `marks` are the signed differences at places spread over all rows, with the original's rounding there: the fingerprint of a fault.
    """

    identical: bool
    agrees: bool
    ratio: float
    drift: float
    floor: float
    drift_rms: tuple[float, ...]
    floor_rms: tuple[float, ...]
    drift_max: tuple[float, ...]
    floor_max: tuple[float, ...]
    ratios: tuple[float, ...]
    steps: tuple[int, ...]
    what: str
    first_step: int | None = None
    worst_step: int | None = None
    worst_index: tuple[int, ...] = ()
    expected: float | None = None
    got: float | None = None
    note: str = ""
    looks: str = ""
    marks: tuple[float, ...] = ()
    mark_floors: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one cell with everything needed to explain it; one line of the run record."""

    cell: Cell
    version: str
    verdict: Verdict
    drift: float | None = None
    floor: float | None = None
    ratio: float | None = None
    size: str = "none"
    grey_levels: float | None = None
    first_step: int | None = None
    cause: str = ""
    reason: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
