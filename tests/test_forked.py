"""Workers that are forks of one that has loaded: as good as one that started by itself, out of reach of each other, and ended with it."""

import contextlib
import os
import select
import signal
import threading
import time
from pathlib import Path

import pytest

from trueto.errors import WorkerError
from trueto.references import reference
from trueto.running.client import Limits, Worker
from trueto.running.pool import Pool
from trueto.running.profiles import profile
from trueto.workers.protocol import claim_from_json

ADAPTER = Path(__file__).parent / "counts_loads.py"
CASE = reference("k_diffusion/euler").case("model-2")
LIMITS = Limits(seconds=20)
WAIT = 5.0


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """A file with the number of every process that loaded the library."""
    monkeypatch.setenv("COUNTED", str(tmp_path / "loads"))
    return tmp_path / "loads"


@pytest.fixture
def first(counted):
    """A worker that has not run."""
    made = Worker(str(ADAPTER), profile("default"))
    yield made
    made.close()


def claim_of(worker):
    """Its one claim."""
    return claim_from_json(worker.describe()["claims"][0])


def ran(worker):
    """What a run of the case gives, and what the process says of itself."""
    outcome = worker.run(claim_of(worker), CASE, "closed", LIMITS, twin=False)
    assert outcome.observation is not None, outcome
    return outcome.observation.sample.tobytes(), outcome.meta["settings"]


def gone(pid):
    """Whether a process has ended, waited for."""
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.02)
                continue
        return True
    return False


def test_a_fork_answers_as_the_worker_does_and_has_loaded_nothing(first, counted):
    """Same bits, another process, a folder of its own for what is temporary; the library was loaded once."""
    other = first.fork()
    try:
        (sample, said), (forked, of_fork) = ran(first), ran(other)
    finally:
        other.close()
    assert sample == forked
    assert said["temporary"] != of_fork["temporary"]
    assert 1 == len(counted.read_text().split())


def test_each_outlives_the_other(first, counted):
    """The end of the worker is not that of its fork, nor the other way round; whoever has ended starts by itself when it is asked again."""
    other, third = first.fork(), first.fork()
    try:
        os.kill(other._process.pid, signal.SIGKILL)
        outcome = other.run(claim_of(first), CASE, "closed", LIMITS, twin=False)
        assert "worker ended" == outcome.died
        ran(first)
        first.close()
        ran(third)
        assert 1 == len(counted.read_text().split())
        ran(other)
        assert 2 == len(counted.read_text().split())
    finally:
        other.close()
        third.close()


def test_closing_a_fork_ends_it(first):
    """Nothing of it is left, neither process nor folder."""
    other = first.fork()
    pid, folder = other._process.pid, other._folder
    assert not gone_now(pid)
    other.close()
    assert gone(pid)
    assert not folder.exists()


def test_a_fork_is_closed_by_two_threads_at_once(first):
    """A pool closes its workers while their threads meet the end of what they wait for: neither fails, nor closes what is not its own."""
    others = [first.fork() for _ in range(8)]
    for other in others:
        process, failed = other._process, []
        together = threading.Barrier(2)

        def close(process=process, together=together, failed=failed):
            together.wait()
            try:
                process.close()
            except BaseException as error:  # noqa: BLE001 - counted
                failed.append(error)

        threads = [threading.Thread(target=close) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)
        process.close()
        process.wait()
        assert [] == failed
        other.close()


def test_a_closed_worker_starts_nothing(first):
    """Whoever still holds a worker after the end of its pool is told so, and no process begins that nobody would end."""
    first.describe()
    first.close()
    with pytest.raises(WorkerError, match="closed"):
        first.describe()
    assert first._process is None


def gone_now(pid):
    """Whether there is no such process at this moment."""
    return not Path(f"/proc/{pid}").exists()


def test_who_has_run_does_not_fork(first, counted):
    """The next worker starts by itself, so that nothing of a run reaches it."""
    before, _ = ran(first)
    other = first.fork()
    try:
        assert other._process is None
        assert before == ran(other)[0]
    finally:
        other.close()
    assert 2 == len(counted.read_text().split())


def test_a_pool_loads_once_and_leaves_nothing(counted):
    """Whatever number of workers it has, of which more than one answers."""
    pool = Pool(Worker(str(ADAPTER), profile("default")), 3)
    try:
        claim = claim_of_pool()
        asked = [pool.submit(claim, CASE, [("closed", False)], LIMITS) for _ in range(30)]
        found = [future.result().observation.sample.tobytes() for (future,) in asked]
        pids = [worker._process.pid for worker in pool._workers]
    finally:
        pool.close()
    assert 1 == len(set(found))
    assert 3 == len(set(pids))
    assert 1 == len(counted.read_text().split())
    assert all(gone(pid) for pid in pids)


def claim_of_pool():
    """The claim, asked of a worker that never loads."""
    asked = Worker(str(ADAPTER), profile("default"))
    try:
        return claim_of(asked)
    finally:
        asked.close()


def test_a_pool_that_is_closed_while_it_loads_leaves_nothing(counted):
    """No worker comes into being after the pool was closed."""
    pool = Pool(Worker(str(ADAPTER), profile("default")), 2)
    while not counted.exists():
        time.sleep(0.02)
    pool.close()
    assert all(not thread.is_alive() for thread in pool._threads)
    assert all(gone(int(pid)) for pid in counted.read_text().split())


def test_no_fork_where_something_is_compiled():
    """A compiler keeps threads, which no fork has."""
    first = Worker(str(ADAPTER), profile("compile"))
    try:
        assert first.fork()._process is None
        assert first._process is None
    finally:
        first.close()


def in_a_thread(function):
    """Call it in another thread, and wait for its end."""
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def test_whoever_waits_for_the_end_of_a_fork_is_not_disturbed_by_who_closes_it(first, monkeypatch):
    """The fork is closed by another thread just as one begins to wait for its end: it has ended, and that is no error."""
    other = first.fork()
    waited, real = [], select.select

    def closed_first(reading, *rest):
        if not waited:
            waited.append(reading)
            in_a_thread(other.close)
        return real(reading, *rest)

    process = other._process
    monkeypatch.setattr(select, "select", closed_first)
    process.wait()
    assert waited
    assert gone(process.pid)


def test_whoever_waits_for_an_answer_never_hears_another_file(first, monkeypatch):
    """A worker is closed by another thread as one begins to listen, and the number of its pipe becomes another file's at once."""
    first.describe()
    os.kill(first._process.pid, signal.SIGSTOP)  # so that it has not answered when it is closed
    number, real, written = first._process.stdout.fileno(), select.select, []

    def closed_first(reading, *rest):
        if not written:
            in_a_thread(first.close)
            listening, speaking = os.pipe()
            os.write(speaking, b'{"protocol": 0, "said": "to somebody else"}\n')
            if listening != number:
                os.dup2(listening, number)
            written.extend({listening, speaking, number})
        return real(reading, *rest)

    monkeypatch.setattr(select, "select", closed_first)
    try:
        assert first._ask({"op": "describe"}, WAIT)["died"].startswith("worker ")
    finally:
        for descriptor in written:
            os.close(descriptor)
