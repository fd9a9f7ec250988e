"""What a sweep makes of the records that are there, without judging anything: one that is damaged is that release's trouble alone."""

from pathlib import Path

import pytest
import records

from trueto.errors import DataError
from trueto.events import read_run
from trueto.history import read_history, write_release
from trueto.running import sweep as sweeping
from trueto.running.sweep import goldens_digest, recorded, sweep

CLAIM = "k_diffusion/dpmpp_2m"
OPTIONS = {"layer": ("update",), "quick": True, "profile": ()}
SELECTION = {"layers": ["update"], "quick": True, "profiles": ["default"]}
ARM = {"arm": "specs", "absent": "not here"}


def record(folder: Path, version: str) -> Path:
    """The record of a release on today's goldens, with what the control said beside it."""
    folder.mkdir(exist_ok=True)
    header = records.header(version=version, cells=None, selection=SELECTION, control=[ARM])
    lines = [header, records.cell(CLAIM, "model-4", "update"), {"event": "end", "counts": {}}]
    return write_release(folder, read_run(records.write(folder.parent / "run", lines)), goldens=goldens_digest([CLAIM]))


@pytest.fixture
def history(tmp_path, monkeypatch):
    """Three releases that are recorded, of which the second is damaged; no candidate has such a library, so that nothing can be run."""
    folder = tmp_path / "toy"
    monkeypatch.setattr(sweeping, "released_on", lambda _: "")
    paths = [record(folder, version) for version in ("1.0", "1.1", "1.2")]
    paths[1].write_text(paths[1].read_text()[:-20])
    return folder


def test_a_damaged_record_does_not_end_a_sweep(history):
    """It is the failure of its release, with the file and what to type; the others are passed over as ever."""
    said = []
    found = list(sweep("toy", ["1.0", "1.1", "1.2"], history, OPTIONS, say=said.append))
    assert ["recorded", "failed", "recorded"] == [one.outcome for one in found]
    assert "1.1.jsonl" in found[1].said
    assert "(try: git checkout -- " in found[1].said
    assert [True] == ["1.1.jsonl" in line for line in said]
    assert "--versions ==1.1 --again" in found[1].said


def test_a_sweep_made_anew_mends_a_damaged_record(history, monkeypatch):
    """What its error says to type judges it."""
    monkeypatch.setattr(sweeping, "judge_release", lambda *_: (record(history, "1.1"), ("judged", "1 faithful"))[1])
    monkeypatch.setattr(sweeping, "environment", lambda _: {})
    assert [("1.1", "judged")] == [(one.version, one.outcome) for one in sweep("toy", ["1.1"], history, OPTIONS, again=True, say=str)]
    assert ["1.0", "1.1", "1.2"] == [release.version for release in read_history(history)]


def test_whether_a_release_is_recorded_is_read_from_its_own_file(history):
    """Not from the whole history, of which another file may be damaged."""
    assert recorded(history, "1.2", OPTIONS)
    assert not recorded(history, "1.2", {**OPTIONS, "quick": False})
    assert not recorded(history, "1.3", OPTIONS)
    with pytest.raises(DataError, match=r"1\.1\.jsonl"):
        recorded(history, "1.1", OPTIONS)
