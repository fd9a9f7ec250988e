"""What tests of networks share: a candidate's network, whole or spoiled, run on a case in this process and judged."""

import contextlib
from typing import Any

import torch

from trueto.errors import TruetoError
from trueto.interpose import TORCH_OF, Interposer
from trueto.ledger import Ledger
from trueto.model import Cell, Judgement, Layer
from trueto.observe import StepError
from trueto.references import reference
from trueto.running.client import Outcome
from trueto.running.outputs import Calls, judge_outputs
from trueto.running.profiles import profile
from trueto.torch_task import Task


class Spoiled:
    """An adapter, with something done to the weights that it gets and to the networks that it builds."""

    def __init__(self, adapter: Any, *, weights: Any = None, net: Any = None) -> None:
        self.adapter, self.weights, self.net = adapter, weights, net

    def tapping(self, task: Task) -> Any:
        """Tap as the task does, after the first network that is tapped has been changed."""
        tap, changed = task.tap, []

        def first_changed(net: Any, *rest: Any) -> None:
            if not changed:
                self.net(net)
                changed.append(net)
            tap(net, *rest)

        return first_changed

    def run(self, claim: Any, case: Any, dtype: str) -> Outcome:
        """One call in one precision."""
        task = Task(case, TORCH_OF[dtype], reference(claim.reference).codebase.folder)
        if self.weights is not None:
            whole = task.weights
            task.weights = lambda model: self.weights(whole(model))
        if self.net is not None:
            task.tap = self.tapping(task)
        torch.set_default_dtype(TORCH_OF[dtype])
        torch.manual_seed(case.seed)
        try:
            with Interposer(None, torch.float64, task.moved) if dtype == "float64" else contextlib.nullcontext():
                self.adapter.outputs(claim, task, {})
        except (TruetoError, RuntimeError, ValueError, KeyError, TypeError, NotImplementedError) as error:
            return Outcome(None, raised=StepError(type(error).__name__, str(error), "here", own=True, at_call=0))
        finally:
            torch.set_default_dtype(torch.float32)
        return Outcome(None, outputs=task.outputs)


def judged(adapter: Any, claim_id: str, case: str = "toy", ledger: Ledger | None = None, **spoiled: Any) -> Judgement:
    """The verdict on one case of a claim."""
    claim = next(claim for claim in adapter.claims if claim.id == claim_id)
    ref = reference(claim.reference)
    cell = Cell(adapter.name, claim, ref.case(case), Layer(ref.case(case).layers[0]), "default")
    candidate = Spoiled(adapter, **spoiled)
    calls = Calls(*(candidate.run(claim, cell.case, dtype) for dtype in ("float32", "float64")))
    return judge_outputs(cell, adapter.version(), ref, profile("default"), calls, ledger or Ledger("", adapter.name, ()))


def without(name: str) -> Any:
    """Weights that lack one."""
    return lambda weights: {key: value for key, value in weights.items() if key != name}


def with_other(name: str, change: Any) -> Any:
    """Weights with one changed."""
    return lambda weights: {**weights, name: change(weights[name])}
