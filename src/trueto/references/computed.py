"""Y computed: what the spec of a function gives on an X that no original was recorded on, asked for as a golden is."""

from __future__ import annotations

from dataclasses import dataclass

from trueto.errors import DataError
from trueto.model import Case
from trueto.observe import StepError
from trueto.outputs import Outputs
from trueto.references.library import Reference

__all__ = ["Computed"]


@dataclass(frozen=True, slots=True)
class Computed:
    """The spec of a reference on one case; its methods are those of `Golden` for named outputs."""

    ref: Reference
    case: Case

    def outputs(self, case: str, dtype: str, variant: str = "") -> Outputs:  # noqa: ARG002 - of whole numbers, which have one precision
        """The named outputs of the original or of a variant; DataError where the reference has no spec, or the spec lacks a package."""
        if self.ref.outputs is None:
            raise DataError(f"{self.ref.id} has no spec to say what belongs to {case}", f"trueto list cases {self.ref.id}")
        return Outputs(dict(self.ref.outputs(self.case, **(self.ref.variant(variant) if variant else {}))))

    def refusal(self, case: str, variant: str = "") -> StepError | None:
        """The exception with which the spec ends on a case that it cannot read."""
        try:
            self.outputs(case, "float64", variant)
        except ValueError as error:  # as UnicodeEncodeError
            return StepError(type=type(error).__name__, message=str(error), own=True)
        return None
