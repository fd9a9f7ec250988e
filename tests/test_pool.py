"""Workers are fed quickly while the judge computes, in an order that leaves nobody waiting, and the process is left as it was."""

import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from trueto.candidates import ledger_path, load_candidate
from trueto.ledger import Ledger, load_ledger
from trueto.model import Layer
from trueto.references import reference
from trueto.running.ahead import Ahead
from trueto.running.client import Limits, Worker
from trueto.running.gate import Gate
from trueto.running.judging import union
from trueto.running.plan import Selection, plan
from trueto.running.pool import SWITCH, Pool, _Queue, _Task
from trueto.running.profiles import profile


def test_threads_take_turns_quickly_only_while_there_are_workers():
    """Two profiles have two pools; whoever runs the gate has its own pace back after both are closed."""
    before = sys.getswitchinterval()
    assert before > SWITCH
    gate = Gate("k_diffusion", Selection(), Ledger("", "k_diffusion", ()))
    for name in ("default", "bfloat16"):
        gate._pools[name] = Pool(Worker(gate.spec, profile(name)), 1)
    assert sys.getswitchinterval() < before / 5
    gate.close()
    assert sys.getswitchinterval() - before < SWITCH
    assert before - sys.getswitchinterval() < SWITCH


@pytest.mark.parametrize("ends", [OSError(9, "Bad file descriptor"), ValueError("read of closed file"), EOFError()])
def test_a_gate_that_ends_while_a_worker_loads_is_quiet(monkeypatch, ends):
    """Streams that are shut while a thread waits for an answer are no error of that thread, which nobody could catch."""
    worker, failed, shut_down = Worker("k_diffusion", profile("default")), [], threading.Event()

    def shut(descriptor, seconds):
        worker.close()
        shut_down.set()
        raise ends

    monkeypatch.setattr(worker, "_read_line", shut)
    monkeypatch.setattr(threading, "excepthook", failed.append)
    pool = Pool(worker, 2)
    assert shut_down.wait(timeout=3)
    pool.close()
    assert not failed
    assert not pool._threads[0].is_alive()


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), MemoryError(), RuntimeError("can't start new thread")])
def test_a_worker_that_cannot_be_started_is_told_to_whoever_waits(monkeypatch, failure):
    """A full folder for temporary files, or no memory, ends what was asked for with that failure: nobody waits for ever."""
    worker, case = Worker("k_diffusion", profile("default")), reference("k_diffusion/euler").case("model-2")

    def fail():
        raise failure

    monkeypatch.setattr(worker, "fork", fail)
    pool = Pool(worker, 2)
    try:
        for future in pool.submit(None, case, [("open", False), ("open", True)], Limits()):
            assert failure is future.exception(timeout=30)
    finally:
        pool.close()


def asked_for(case, name):
    """A run that somebody waits for."""
    return _Task(Future(), None, case, name, twin=False, limits=Limits())


@pytest.fixture
def queue():
    """Two runs of samplers asked for before and two after two of networks, the last of each kind urgently."""
    sampler, net = reference("k_diffusion/euler").case("model-2"), reference("compvis/unet").cases[0]
    assert (False, True) == (sampler.of_outputs, net.of_outputs)
    made = _Queue()
    for name, case in (("s1", sampler), ("n1", net), ("s2", sampler), ("n2", net), ("s3", sampler)):
        made.put([asked_for(case, name)], urgent=name in ("n2", "s3"))
    return made


@pytest.mark.parametrize(
    ("prefers", "order"),
    [
        (None, ["n2", "s3", "s1", "n1", "s2"]),
        (True, ["n2", "s3", "n1", "s1", "s2"]),
        (False, ["s3", "n2", "s1", "s2", "n1"]),
    ],
)
def test_runs_are_taken_by_urgency_then_by_kind_then_in_order(queue, prefers, order):
    """A worker alone keeps the order; of several one begins with networks and none is without work while there is any."""
    assert order == [queue.take(prefers)[0].net for _ in order]


def test_a_closed_queue_lets_everybody_go(queue):
    """What was not taken is dropped."""
    queue.close()
    assert queue.take(None) is None


def test_whoever_waits_is_woken(queue):
    """By what is asked for, and by the end."""
    for _ in range(5):
        queue.take(None)
    with ThreadPoolExecutor(1) as waiting:
        taken = waiting.submit(queue.take, None)
        queue.put([asked_for(reference("k_diffusion/euler").case("model-2"), "late")], urgent=False)
        assert "late" == taken.result(timeout=5)[0].net
        taken = waiting.submit(queue.take, None)
        queue.close()
        assert taken.result(timeout=5) is None


class Waited:
    """A future that is done after so many looks."""

    def __init__(self, looks):
        self.looks = looks

    def done(self):
        """One look."""
        self.looks -= 1
        return self.looks < 0

    def result(self):
        """What it gives in the end."""
        return "given"


@pytest.fixture
def seen(monkeypatch):
    """The cells whose expected values were computed ahead."""
    found = []
    monkeypatch.setattr("trueto.running.ahead.Bench.closed_truth", lambda bench, *knobs: found.append((bench.case.id, *knobs)))
    return found


def planned_ahead():
    """What is planned of one claim of diffusers, with its ledger."""
    (claim,) = [claim for claim in load_candidate("diffusers").claims if claim.id == "k_diffusion/dpmpp_2m"]
    ledger = load_ledger(ledger_path("diffusers"), "diffusers")
    return [cell for cell in plan("diffusers", [claim], Selection()) if cell.layer is Layer.TRAJECTORY], ledger


def test_while_a_run_is_waited_for_the_next_cells_are_computed(seen):
    """One cell a look, as its ledger declares it, in both arms; not again, not those that were judged, nor after the last."""
    cells, ledger = planned_ahead()
    ahead = Ahead(cells, ledger)
    assert "given" == ahead.result(Waited(2))
    told = [cell.case.id for cell in cells[:2]]
    assert [(case, dtype) for case in told for dtype in ("float32", "float64")] == [(case, dtype) for case, _, dtype in seen]
    assert all(union(ledger.covering(cell)) == knobs for cell, (_, knobs, _) in zip(cells, seen[::2], strict=False))
    ahead.judged = len(cells) - 1
    assert "given" == ahead.result(Waited(3))
    assert [cells[-1].case.id] * 2 == [case for case, *_ in seen[4:]]


def test_no_further_ahead_than_is_remembered(seen, monkeypatch):
    """What specs gave is kept for so many cells only."""
    monkeypatch.setattr("trueto.running.ahead.LEAD", 1)
    ahead = Ahead(*planned_ahead())
    ahead.result(Waited(5))
    assert 1 == len({case for case, *_ in seen})


def test_trouble_ahead_is_left_to_the_judge(monkeypatch):
    """A golden that cannot be read concerns the cell that needs it."""
    monkeypatch.setattr("trueto.running.ahead.Bench.closed_truth", lambda *_: 1 / 0)
    assert "given" == Ahead(*planned_ahead()).result(Waited(2))
