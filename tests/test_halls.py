"""What is built once for several cases: only where it is slow, the same for each, and out of reach of each."""

from pathlib import Path

import pytest

from trueto.references import reference
from trueto.running.client import Limits, Worker
from trueto.running.profiles import profile
from trueto.workers.protocol import claim_from_json

ADAPTER = str(Path(__file__).parent / "slow_builder.py")
CASES = {case.id: case for case in reference("k_diffusion/dpmpp_2m").cases}
LIMITS = Limits(seconds=8.0, bytes=1 << 28)


@pytest.fixture
def worker():
    """A worker of the adapter that builds slowly."""
    made = Worker(ADAPTER, profile("default"))
    yield made
    made.close()


def claims_of(worker):
    """Its claims, by what comes after the `@`."""
    return {claim["id"].partition("@")[2]: claim_from_json(claim) for claim in worker.describe()["claims"]}


def samples(worker, name, cases, *, twin=False):
    """What a claim gives for each case, as (pid that built, bytes of the sample); a string where there is no sample."""
    claim, found = claims_of(worker)[name], []
    for case in cases:
        outcome = worker.run(claim, CASES[case], "closed", LIMITS, twin=twin)
        seen = outcome.observation
        found.append((outcome.meta["settings"]["builder"], seen.sample.tobytes()) if seen is not None else outcome.died or outcome.raised)
    return found


def test_what_is_slow_is_built_once_for_all_cases_that_are_alike(worker):
    """The first case shows that building is slow; the others begin with what one process built, which is none of theirs."""
    first, *others = samples(worker, "sound", ["model-20", "model-1", "model-2"])
    assert len({builder for builder, _ in others}) == 1
    assert first[0] != others[0][0]


def test_a_hall_changes_no_result(worker):
    """A case gives the same bits whether it was built for alone or not."""
    alone = Worker(ADAPTER, profile("default"))
    try:
        ((_, sample),) = samples(alone, "sound", ["model-2"])
    finally:
        alone.close()
    assert samples(worker, "sound", ["model-20", "model-1", "model-2"])[-1][1] == sample


def test_what_is_configured_otherwise_is_built_anew(worker):
    """Cases that are not alike share nothing, nor do a run and its twin in float64."""
    _, plain, karras = samples(worker, "sound", ["model-20", "model-1", "karras-20"])
    (twin,) = samples(worker, "sound", ["model-1"], twin=True)
    assert len({plain[0], karras[0], twin[0]}) == 3


def test_what_builds_fast_is_built_for_each_case(worker):
    """A claim that builds in no time has no hall."""
    found = samples(worker, "fast", ["model-20", "model-1", "model-2"])
    assert len({builder for builder, _ in found}) == 3


def test_a_case_that_spoils_what_was_built_spoils_it_for_itself(worker):
    """What one case does to the object, and to the library, is not seen by the next."""
    sound = samples(worker, "sound", ["model-20", "model-1", "model-2"])
    spoiling = samples(worker, "spoils", ["model-20", "model-1", "model-2"])
    assert [sample for _, sample in spoiling] == [sample for _, sample in sound]


def test_a_hall_that_dies_is_done_without(worker):
    """Building that succeeds in a room and dies in a hall costs nothing but the time."""
    sound = samples(worker, "sound", ["model-20", "model-1", "model-2"])
    found = samples(worker, "dies_in_a_hall", ["model-20", "model-1", "model-2"])
    assert [sample for _, sample in found] == [sample for _, sample in sound]


def test_a_case_that_hangs_in_a_hall_is_a_time_out_and_the_next_is_not(worker):
    """The hall outlives the room of a case that does not answer."""
    short = Limits(seconds=2.0, bytes=1 << 28)
    claim = claims_of(worker)["hangs_at_two"]
    died = [worker.run(claim, CASES[case], "closed", short, twin=False).died for case in ("model-20", "model-1", "model-2", "karras-20")]
    assert died == ["", "", "time-out", ""]
