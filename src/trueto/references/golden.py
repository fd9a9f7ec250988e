"""Y: reading goldens, the tensors that an original returned, checked against the manifest and the current X."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from trueto.errors import DataError
from trueto.fixtures import fixture_digest
from trueto.judge import Spread
from trueto.observe import TENSORS, Observation, StepError
from trueto.outputs import Outputs, wide
from trueto.references.library import OUTPUTS, Reference, codebase, reference
from trueto.settings import goldens_dir
from trueto.store import Manifest, map_tensors, read_header

__all__ = ["SCHEMA", "Golden", "golden_path", "load_golden", "manifest_of", "recorded_cases"]

Array = np.ndarray[Any, np.dtype[Any]]

SCHEMA = "1"


def golden_path(name: str, weights: str = "") -> Path:
    """Where the goldens of `<codebase>/<algorithm>` live; those on a user's weights, whose digest is given, in the user's folder."""
    base, _, algorithm = name.partition("/")
    folder = goldens_dir() / weights[:16] / base if weights else codebase(base).folder / "goldens"
    return folder / f"{algorithm}.safetensors"


def manifest_of(codebase_name: str, weights: str = "") -> Manifest:
    """The SHA-256 manifest of a codebase's goldens: committed, or beside those on a user's weights."""
    if weights:
        return Manifest(golden_path(f"{codebase_name}/any", weights).parent / "manifest.json")
    return Manifest(codebase(codebase_name).folder / "manifest.json")


def recorded_cases(header: Mapping[str, str]) -> list[str]:
    """The ids of the cases of which a header says that outputs were recorded, sorted: a header is read in any order."""
    key = f".{OUTPUTS}.float32"
    return sorted(name.removeprefix("outcome.").removesuffix(key) for name in header if name.startswith("outcome.") and name.endswith(key))


def as_read(value: Array, dtype: str) -> Array:
    """An output as it was seen in a precision, from what is kept: float64 that float32 can hold is kept so; whole numbers are int64."""
    return value.astype(dtype, copy=False) if value.dtype.kind == "f" and dtype == "float64" else wide(value)


def run_so(knobs: Mapping[str, str]) -> str:
    """The name under which outputs of an original are kept that was run with these knobs."""
    return ",".join(f"{knob}={value}" for knob, value in sorted(knobs.items()))


def kept_under(case: str, net: str, dtype: str, name: str) -> list[str]:
    """The keys of an output, the first that is there counts: what a variant or the other precision does not change is kept once."""
    runs = dict.fromkeys(((net, dtype), (OUTPUTS, dtype), (net, "float32"), (OUTPUTS, "float32")))
    return [f"{case}/{run}/{precision}/value/{name}" for run, precision in runs]


class _AsRead(Mapping[str, Array]):
    """Outputs by name as they were seen in a precision, each made when it is looked at: they need not all fit into memory."""

    def __init__(self, kept: Mapping[str, Array], dtype: str) -> None:
        self._kept, self._dtype = kept, dtype

    def __getitem__(self, name: str) -> Array:
        return as_read(self._kept[name], self._dtype)

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


@dataclass(frozen=True, slots=True)
class Golden:
    """All goldens of one reference: tensors named `<case>/<net>/<dtype>/<tensor>`, read as they are looked at, and a flat header."""

    name: str
    header: dict[str, str]
    tensors: Mapping[str, Array]
    digest: str

    def has(self, case: str, net: str, dtype: str = "float64") -> bool:
        """Whether that run was recorded."""
        return f"outcome.{case}.{net}.{dtype}" in self.header

    def observation(self, case: str, net: str, dtype: str) -> Observation:
        """What the original did on that case; its `error` is set when F raises there."""
        key = f"outcome.{case}.{net}.{dtype}"
        if key not in self.header:
            raise DataError(f"no golden for {self.name} case {case} ({net}, {dtype})", self._again())
        prefix = f"{case}/{net}/{dtype}/"
        found = {n: self.tensors[prefix + n] for n in TENSORS if prefix + n in self.tensors}
        return Observation.from_tensors(found, self.header["level_kind"], _parse_outcome(self.header[key]))

    def values(self, case: str, dtype: str, variant: str = "") -> Mapping[str, Array]:
        """The named outputs on that case by name, as they were seen in a precision; of the original or run as one of its variants."""
        net = f"{OUTPUTS}@{variant}" if variant else OUTPUTS
        names = self.header.get(f"names.{case}.{net}")
        if names is None:
            raise DataError(f"no golden for {self.name} case {case} ({net})", self._again())
        keys = {name: kept_under(case, net, dtype, name) for name in json.loads(names)}
        return _AsRead({name: next(self.tensors[key] for key in those if key in self.tensors) for name, those in keys.items()}, dtype)

    def outputs(self, case: str, dtype: str, variant: str = "") -> Outputs:
        """The same with how far the original's nudged repetitions end up from them."""
        values = self.values(case, dtype, variant)
        spread = self.spread(case, f"{OUTPUTS}@{variant}" if variant else OUTPUTS, dtype)
        return Outputs(values, spread.rms, spread.maximum)

    def refusal(self, case: str, variant: str = "") -> StepError | None:
        """The exception with which the original, or one of its variants, ends instead of giving outputs."""
        key = f"outcome.{case}.{OUTPUTS}@{variant}.float32" if variant else f"outcome.{case}.{OUTPUTS}.float32"
        if key not in self.header:
            raise DataError(f"no golden for {self.name} case {case}", self._again())
        return _parse_outcome(self.header[key])

    def spread(self, case: str, net: str, dtype: str) -> Spread:
        """How far the original's nudged repetitions end up from each other."""
        prefix = f"{case}/{net}/{dtype}/spread_"
        if prefix + "rms" not in self.tensors:
            raise DataError(
                f"the golden of {self.name} lacks the spread of case {case} ({net}, {dtype}): an older trueto recorded it", self._again()
            )
        return Spread(self.tensors[prefix + "rms"], self.tensors[prefix + "max"])

    def own_error(self, case: str, net: str, dtype: str) -> tuple[Array, Array] | None:
        """RMS and maximum of the original's own error in a low precision, per row, or None when it was not recorded."""
        prefix = f"{case}/{net}/{dtype}/error_"
        if prefix + "rms" not in self.tensors:
            return None
        return self.tensors[prefix + "rms"], self.tensors[prefix + "max"]

    def _again(self) -> str:
        return codebase(self.name.partition("/")[0]).recording


def _parse_outcome(text: str) -> StepError | None:
    if text == "ok":
        return None
    kind, _, rest = text.partition("|")
    message, _, call = rest.rpartition("|")
    return StepError(type=kind, message=message, own=True, at_call=int(call))


def _validate(ref: Reference, header: dict[str, str], path: Path, weights: str) -> None:
    again = ref.codebase.recording + (" --weights PATH" if weights else "")
    expected = {
        "schema": SCHEMA,
        "reference": ref.id,
        "commit": ref.codebase.commit,
        "fixture": fixture_digest(),
        "weights": weights,
    }
    said = {"schema": "schema version", "commit": "commit of the original", "fixture": "fixture (X)", "weights": "digest of the weights"}
    for key, value in expected.items():
        seen = header.get(key, "" if key == "weights" else None)
        if seen != value:
            shown, wanted = (text if text is None or len(text) < 24 else f"{text[:12]}…" for text in (seen, value))
            raise DataError(f"{path}: its {said.get(key, key)} is {shown or 'none'}, this trueto needs {wanted or 'none'}", again)


@cache
def load_golden(name: str, weights: str = "") -> Golden:
    """Load and check the goldens of a reference, on a user's weights where their digest is given; DataError says what to type."""
    ref = reference(name)
    path = golden_path(name, weights)
    if weights and not path.is_file():
        said = f"{name} was not recorded on these weights (SHA-256 {weights[:12]}…): {path} is not there"
        raise DataError(said, f"{ref.codebase.recording} --weights PATH --reference {ref.name}, then the same again")
    digest = manifest_of(ref.codebase.name, weights).check(path)
    header = read_header(path)
    _validate(ref, header, path, weights)
    return Golden(name, header, map_tensors(path), digest)
