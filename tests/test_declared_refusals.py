"""A declared variant may refuse an X that the original takes; and the network that looks at nothing hides no call."""

import pytest
from support import cell, judged

from trueto.ledger import load_ledger
from trueto.model import Layer, Verdict
from trueto.observe import StepError
from trueto.references import observe_spec, reference
from trueto.running.client import Outcome
from trueto.running.verdict import Runs

NAME = "pndm/pndm"
ENTRY = f"""
candidate = "toy"
[[deviation]]
reference = "{NAME}"
layers = ["trajectory"]
variant = "fewest=four"
reason = "refuses short runs"
owner = "us"
since = "1.0"
"""


def seen(tmp_path, case, error, entry=ENTRY):
    """The verdict on a run that ended with this error."""
    path = tmp_path / "deviations.toml"
    path.write_text(entry)
    raised = StepError(error, "no", "scheduler.py:1", own=True)
    return judged(cell(NAME, case, Layer.TRAJECTORY), Runs(Outcome(None, raised=raised), None), load_ledger(path, "toy"))


@pytest.mark.parametrize("case", ["uniform-2", "uniform-3"])
def test_declared_refusal_is_declared(tmp_path, case):
    """A candidate that refuses as the declared variant of the spec does is declared, whether the original returns or raises later."""
    assert Verdict.DECLARED == seen(tmp_path, case, "ValueError").verdict


@pytest.mark.parametrize(
    ("case", "error", "entry"),
    [
        ("uniform-2", "RuntimeError", ENTRY),
        ("uniform-20", "ValueError", ENTRY),
        ("uniform-2", "ValueError", ENTRY.replace("fewest=four", "told_halfway=truncated")),
        ("uniform-2", "ValueError", 'candidate = "toy"'),
    ],
)
def test_any_other_refusal_is_broken(tmp_path, case, error, entry):
    """Another exception, a case that the variant takes, a variant that refuses nothing, and no entry at all leave it broken."""
    assert Verdict.BROKEN == seen(tmp_path, case, error, entry).verdict


@pytest.mark.parametrize("case", ["uniform-2", "uniform-3"])
def test_a_refusal_beside_another_entry_has_the_reason_for_it(tmp_path, case):
    """Where two entries speak of the cell, that of the refusal alone is said, wherever it stands."""
    first = ENTRY.replace("fewest=four", "told_halfway=truncated").replace("refuses short runs", "cuts times")
    found = seen(tmp_path, case, "ValueError", first + ENTRY.replace('candidate = "toy"', ""))
    assert (Verdict.DECLARED, True, False) == (found.verdict, "refuses short runs" in found.reason, "cuts times" in found.reason)
    assert "fewest=four" == found.evidence["ledger"]["variant"]


def test_network_that_looks_at_nothing_hides_no_call():
    """A spec that calls the network twice at one time and level makes as many calls on it as in the closed loop."""
    ref = reference(NAME)
    for case in ("uniform-2", "uniform-20"):
        idle, closed = (observe_spec(ref, ref.case(case), net).exact.told for net in ("idle", "closed"))
        assert closed.tolist() == idle.tolist()
