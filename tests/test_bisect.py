"""Which release changed what a claim computes, where some of them could not be judged: silence is never taken for sameness."""

import pytest
import records

from trueto.errors import DataError
from trueto.events import read_run
from trueto.history import changes, read_history, write_release
from trueto.running.bisect import Bisection, bisect, line_of_releases

CLAIM = "k_diffusion/dpmpp_2m"
CASES = ("model-4", "karras-4")
UNKNOWN = "unjudged"


def record(folder, version, *verdicts):
    """The record of a release that has one verdict for each case."""
    cells = [records.cell(CLAIM, case, "update", verdict=one, reason=f"it is {one}") for case, one in zip(CASES, verdicts, strict=False)]
    lines = [records.header(version=version, cells=None), *cells, {"event": "end", "counts": {}}]
    folder.mkdir(parents=True, exist_ok=True)
    return write_release(folder, read_run(records.write(folder / "run", lines)), goldens="ab" * 32)


@pytest.fixture
def search(tmp_path, monkeypatch):
    """A search over releases that compute what is said of them, each judged when it is asked for; those of `swept` are recorded."""

    def made(releases, *, swept=()):
        def judge(spec, folder, *_, **__):
            version = spec.partition("==")[2]
            record(folder, version, *releases[version])

        monkeypatch.setattr("trueto.running.bisect.judge_release", judge)
        for version in swept:
            record(tmp_path / "history", version, *releases[version])
        found = Bisection("toy", CLAIM, tmp_path / "history", tmp_path / "own", {"layer": (), "quick": True, "profile": ()}, lambda _: None)
        return found, line_of_releases(found, min(releases), max(releases), list(releases))

    return made


@pytest.mark.parametrize("swept", [(), ("1.0", "1.2"), ("1.0", "1.1", "1.2", "1.3")])
def test_a_release_that_could_not_be_judged_is_not_as_good(search, swept):
    """Of same, drifted, unjudged, drifted the second is the one that changed, whether they are judged now or were recorded."""
    verdicts = {"1.0": ["faithful"] * 2, "1.1": ["drifted"] * 2, "1.2": [UNKNOWN] * 2, "1.3": ["drifted"] * 2}
    found = bisect(*search(verdicts, swept=swept))
    assert ("1.0", "1.1", ()) == (found.before, found.after, found.between)
    assert len(CASES) == len(found.changes)


def test_a_release_that_could_not_be_judged_may_be_the_one(search):
    """Between the last that is as before and the first that is not, it is named as not known."""
    found = bisect(*search({"1.0": ["faithful"], "1.1": [UNKNOWN], "1.2": ["drifted"]}))
    assert ("1.0", "1.2", ("1.1",)) == (found.before, found.after, found.between)


def test_a_release_that_was_judged_on_other_cases_says_nothing(search):
    """What it has in common with the beginning was not judged on one of the two sides."""
    found = bisect(*search({"1.0": [UNKNOWN, "faithful"], "1.1": ["drifted", UNKNOWN], "1.2": ["drifted"] * 2}, swept=("1.0", "1.1")))
    assert ("1.0", "1.2", ("1.1",)) == (found.before, found.after, found.between)


@pytest.mark.parametrize("unknown", ["1.0", "1.2"])
def test_an_end_that_could_not_be_judged_is_an_error(search, unknown):
    """With the reason, and what repeats it; also where a sweep has recorded it so."""
    verdicts = {"1.0": ["faithful"], "1.1": ["faithful"], "1.2": ["drifted"], unknown: [UNKNOWN]}
    with pytest.raises(DataError, match=f"toy {unknown} could not be judged: it is unjudged") as raised:
        bisect(*search(verdicts, swept=verdicts))
    assert f"trueto gate toy=={unknown} --claim {CLAIM} --quick" == raised.value.hint


def test_two_releases_that_say_nothing_of_each_other_are_an_error(search):
    """The part that changed was not judged in the release before: no change can be shown, and none is made up."""
    verdicts = {"1.0": ["faithful"] * 2, "1.1": ["faithful", UNKNOWN], "1.2": ["faithful", "drifted"]}
    with pytest.raises(DataError, match=r"another at 1\.2 than at 1\.0, and what changed could not be judged at 1\.1") as raised:
        bisect(*search(verdicts))
    assert "trueto gate toy==1.1" in raised.value.hint


def test_a_change_is_not_lost_behind_a_release_that_could_not_be_judged(tmp_path):
    """Of same, unjudged, drifted, unjudged, same each change is told, against the last release that was judged."""
    for version, verdict in zip(("1.0", "1.1", "1.2", "1.3", "1.4"), ("faithful", UNKNOWN, "drifted", UNKNOWN, "faithful"), strict=True):
        record(tmp_path, version, verdict)
    told = [(change.before, change.after, change.kind) for change in changes(read_history(tmp_path))]
    assert [("1.0", "1.2", "away"), ("1.2", "1.4", "back")] == told
