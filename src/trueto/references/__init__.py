"""F: the original algorithms, read from references/ at the top level: cards, specs, cases, goldens."""

from trueto.references.card import Card
from trueto.references.computed import Computed
from trueto.references.golden import Golden, load_golden
from trueto.references.library import Codebase, Reference, codebase, codebase_names, reference, reference_names, sampler_names
from trueto.references.spec import SpecInputs, SpecResult, observe_spec

__all__ = [
    "Card",
    "Codebase",
    "Computed",
    "Golden",
    "Reference",
    "SpecInputs",
    "SpecResult",
    "codebase",
    "codebase_names",
    "load_golden",
    "observe_spec",
    "reference",
    "reference_names",
    "sampler_names",
]
