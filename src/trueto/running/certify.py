"""Certifying specs: a spec counts only because it reproduces every golden of its reference, in float64."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from trueto.errors import DataError
from trueto.judge import compare
from trueto.model import Case, Comparison, Layer
from trueto.references import Computed, Golden, Reference, load_golden, observe_spec
from trueto.references.golden import run_so
from trueto.running.likewise import compare_outputs
from trueto.running.truth import golden_truth, parts

__all__ = ["Certificate", "certify"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """One spec against one golden: `exact` decides in float64; `native` is the everyday check in float32."""

    reference: str
    case: str
    layer: str
    exact: Comparison | None
    native: Comparison | None
    note: str = ""
    unchecked: str = ""  # why the spec could not be run, and with which package it can

    @property
    def ratio(self) -> float:
        """Distance over rounding in float64; 0 where the original raises."""
        return 0.0 if self.exact is None else self.exact.ratio

    @property
    def native_ratio(self) -> float:
        """The same in float32."""
        return 0.0 if self.native is None else self.native.ratio

    @property
    def passed(self) -> bool:
        """Whether both precisions agree (or both sides raise alike)."""
        return not self.unchecked and (self.exact is None or (self.exact.agrees and self.native is not None and self.native.agrees))


DTYPES = ("float64", "float32")
LAYER_NETS = ((Layer.SCHEDULE, "closed"), (Layer.START, "closed"), (Layer.UPDATE, "open"), (Layer.TRAJECTORY, "closed"))


def certify(ref: Reference, only_case: str | None = None) -> Iterator[Certificate]:
    """Every spec run of a reference against its goldens; DataError when the goldens cannot be used."""
    golden = load_golden(ref.id)
    for case in ref.cases:
        if only_case is not None and case.id != only_case:
            continue
        if ref.of_outputs:
            yield from _of_outputs(ref, golden, case)
            continue
        for layer, net in LAYER_NETS:
            yield _certify(ref, golden, case.id, layer, net)


def _of_outputs(ref: Reference, golden: Golden, case: Case) -> Iterator[Certificate]:
    """The spec of a function as the original and with each knob turned, against the original run so."""
    turned = [{}, *({knob: value} for knob, values in ref.knobs.items() for value in values[1:]), *ref.together]
    for variant in map(run_so, turned):
        computed, name = Computed(ref, case), case.id + (f" {variant}" if variant else "")
        wanted = golden.refusal(case.id, variant)
        try:
            raised = computed.refusal(case.id, variant)
        except DataError as error:
            yield Certificate(ref.id, name, case.layers[0], None, None, unchecked=f"{error.message}: {error.hint}")
            continue
        if raised or wanted:
            if (raised and raised.type) != (wanted and wanted.type):
                raise DataError(f"on {ref.id} {name} the spec ends with {raised}, the original with {wanted}", str(ref.path))
            yield Certificate(ref.id, name, case.layers[0], None, None, f"F raises {raised and raised.type}")
            continue
        exact, native = (golden.outputs(case.id, dtype, variant) for dtype in DTYPES)
        found: dict[str, Comparison] = {}
        for dtype in DTYPES:
            seen = compare_outputs(computed.outputs(case.id, dtype, variant), exact, native, dtype)
            if isinstance(seen, str):
                raise DataError(f"{ref.id} {name}: the spec {seen}", str(ref.path))
            found[dtype] = seen
        yield Certificate(ref.id, name, case.layers[0], found["float64"], found["float32"])


def _certify(ref: Reference, golden: Golden, case_id: str, layer: Layer, net: str) -> Certificate:
    truth = golden_truth(golden, case_id, net)
    if truth.native.error is not None:
        error = truth.native.error
        return Certificate(ref.id, case_id, layer, None, None, f"F raises {error.type}: {error.message}")
    seen = observe_spec(ref, ref.case(case_id), net)
    worst: dict[str, Comparison] = {}
    for dtype, got in (("float64", seen.exact), ("float32", seen.native)):
        found = [compare(values, expected, what) for what, expected, values in parts(layer, truth, got, dtype)]
        if not found:
            raise DataError(f"nothing to compare for {ref.id} {case_id} {layer}", f"trueto record {ref.codebase.name} --source DIR")
        worst[dtype] = max(found, key=lambda comparison: comparison.ratio)
    return Certificate(ref.id, case_id, layer, worst["float64"], worst["float32"])
