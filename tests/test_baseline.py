"""`trueto baseline`: only what is new, vanished cells count, and what does not compare is refused."""

import json
from pathlib import Path

import pytest
import records
from support import BASE, trueto

from trueto.errors import DataError
from trueto.events import read_run
from trueto.model import Verdict
from trueto.reports.baseline import compare, read_base

HEUN = "k_diffusion/heun"


def one(verdict="faithful", claim=HEUN, case="model-7", **changes):
    """A cell."""
    return records.cell(claim, case, "update", verdict=verdict, reason=changes.pop("reason", "So it is.")) | changes


def run(path: Path, *cells, end=True, **header):
    """A record of these cells, read back."""
    lines = [records.header(**header), *cells]
    lines += [{"event": "end", "finished": "2026-11-23T10:15:48Z", "counts": {}, "exit_code": 0}] if end else []
    return read_run(records.write(path, lines))


def found(folder, now, before):
    """What is new in the cells `now` against the cells `before`."""
    return compare(run(folder / "run.jsonl", *now), run(folder / "base.jsonl", *before))


def marked(*marks, drift=1e-3):
    """A cell that differs, with a fingerprint."""
    cell = one("drifted")
    evidence = {"what": "state", "drift_rms": [drift], "floor_rms": [1e-7], "marks": list(marks), "mark_floors": [1e-7] * len(marks)}
    return cell | {"evidence": {**cell["evidence"], **evidence}}


GOOD = [Verdict.IDENTICAL, Verdict.FAITHFUL, Verdict.CONSISTENT]
BAD = [Verdict.DRIFTED, Verdict.STALE, Verdict.BROKEN]
UNKNOWN = [Verdict.UNJUDGED, Verdict.DISPUTED]


@pytest.mark.parametrize("was", [*GOOD, Verdict.DECLARED, Verdict.BEYOND, *UNKNOWN, None])
@pytest.mark.parametrize("now", BAD)
def test_what_differs_and_did_not_is_new(tmp_path, now, was):
    """Whatever a cell was before, an undeclared difference in it is new and gives 1; also in a cell that was not judged before."""
    said = found(tmp_path, [one(now)], [one(was)] if was else [])
    assert ([now], 1) == ([change.now for change in said.worse], said.exit_code())


@pytest.mark.parametrize("verdict", [*GOOD, *BAD, Verdict.DECLARED, Verdict.BEYOND])
def test_what_was_there_before_is_not_new(tmp_path, verdict):
    """The same outcome twice is as before, and green, an undeclared difference too."""
    said = found(tmp_path, [one(verdict)], [one(verdict)])
    assert (1, 0, True) == (len(said.same), said.exit_code(), "nothing is new" in said.headline)


@pytest.mark.parametrize("was", [*GOOD, *UNKNOWN])
@pytest.mark.parametrize("now", UNKNOWN)
def test_what_cannot_be_judged_is_never_green(tmp_path, now, was):
    """Exit code 2, whether it could be judged before or not; and it is called new only where it could."""
    said = found(tmp_path, [one(now)], [one(was)])
    assert (2, was in GOOD) == (said.exit_code(), bool(said.worse))


@pytest.mark.parametrize("was", [*GOOD, *BAD, *UNKNOWN, Verdict.DECLARED])
def test_a_vanished_cell_is_a_regression(tmp_path, was):
    """A claim or a case that is gone gives 1, as a difference would; a claim that differed cannot be made green by dropping it."""
    said = found(tmp_path, [one()], [one(), one(was, case="karras-20")])
    assert (1, f"vanished, was {was}") == (said.exit_code(), said.worse[0].said)
    assert "1 cell vanished" in said.headline


def test_a_drawn_cell_may_vanish(tmp_path):
    """What a law drew for the base need not be drawn again."""
    drawn = one(case="steps=11,grid=karras")
    drawn["evidence"]["drawn"] = True
    assert 0 == found(tmp_path, [one()], [one(), drawn]).exit_code()


def test_a_difference_of_another_kind_is_new(tmp_path):
    """A cell that differed and differs is as before only where it differs in the same places by the same amounts."""
    assert 0 == found(tmp_path, [marked(1e-3, -2e-3)], [marked(1.0001e-3, -2e-3)]).exit_code()
    for other in (marked(1e-3, 2e-3), marked(1e-3, -2e-3, drift=1.1e-3)):
        said = found(tmp_path, [other], [marked(1e-3, -2e-3)])
        assert (1, True) == (said.exit_code(), "differs in another way than before" in said.text())


def test_another_declared_variant_is_newly_declared(tmp_path):
    """A cell that was declared as one variant and is another now is told, and fails with --fail-on any."""

    def declared(variant):
        cell = one("declared")
        return cell | {"evidence": {**cell["evidence"], "ledger": {"variant": variant}}}

    assert 1 == len(found(tmp_path, [declared("offset=one")], [declared("offset=one")]).same)
    said = found(tmp_path, [declared("offset=two")], [declared("offset=one")])
    assert (1, 0, 1) == (len(said.declared), said.exit_code(), said.exit_code("any"))
    assert "differs in another way than before" in said.text()


def test_a_crash_of_another_kind_is_new(tmp_path):
    """Another exception than before is new."""
    other = one("broken")
    other["evidence"]["error"] = {"type": "ZeroDivisionError", "message": "", "where": ""}
    assert 1 == found(tmp_path, [other], [one("broken")]).exit_code()


def test_better_and_declared_are_told_and_pass(tmp_path):
    """What was repaired is told; a new declaration too, which fails only with --fail-on any."""
    now = [one(), one("declared", case="karras-20"), one(case="model-1")]
    said = found(tmp_path, now, [one("drifted"), one(case="karras-20")])
    assert (0, 0, 1, 1, 1) == (said.exit_code(), said.exit_code("none"), said.exit_code("any"), len(said.better), len(said.declared))
    assert "1 cell is newly declared; 1 cell is better; 1 cell as before" in said.headline


def test_fail_on_none_excuses_what_is_new(tmp_path):
    """--fail-on none reports and does not fail, but for what could not be judged."""
    assert 0 == found(tmp_path, [one("drifted")], [one()]).exit_code("none")
    assert 2 == found(tmp_path, [one("drifted"), one("unjudged", case="model-1")], [one()]).exit_code("none")


OTHERS = [
    ({"suite": "0.9"}, "another suite version: 0.9"),
    ({"candidate": "mylib"}, "another candidate: mylib"),
    ({"fixture": "ee" * 32}, "another inputs"),
    ({"selection": {"quick": True}}, "another selection"),
    ({"goldens": {HEUN: "ff" * 32}}, "other recordings of k_diffusion/heun"),
]


@pytest.mark.parametrize(("header", "words"), OTHERS)
def test_a_base_that_does_not_compare_is_refused(tmp_path, header, words):
    """Another suite, candidate, X, Y or selection is said, with what to type."""
    with pytest.raises(DataError, match=words) as caught:
        compare(run(tmp_path / "run.jsonl", one()), run(tmp_path / "base.jsonl", one(), **header))
    assert "trueto gate --record base.jsonl" in caught.value.hint


def test_a_half_written_record_is_refused(tmp_path):
    """Without its end, or cut in the middle of a line, neither record is compared."""
    whole = run(tmp_path / "run.jsonl", one())
    half = run(tmp_path / "base.jsonl", one(), end=False)
    with pytest.raises(DataError, match="has no end"):
        read_base(half.path)
    with pytest.raises(DataError, match="has no end"):
        compare(half, whole)
    half.path.write_bytes(whole.path.read_bytes()[:-150])
    with pytest.raises(DataError, match="half-written"):
        read_base(half.path)


def test_markdown_of_hostile_names_is_a_table(tmp_path):
    """Names that mean harm stay inside their table cell."""
    bad = one("drifted") | dict.fromkeys(("claim", "case", "profile", "reason"), records.HOSTILE)
    text = found(tmp_path, [bad], [one()]).markdown()
    assert all(part not in text for part in ("<script", "@octocat", "://evil"))
    assert {5} == {line.replace("\\|", "").count("|") for line in text.splitlines() if line.startswith("| ✗")}


def test_the_command_says_and_returns_it(tmp_path):
    """Text and JSON name the cell; exit code 1 for what is new, 2 for a record of something else."""
    run(tmp_path / "base.jsonl", one())
    run(tmp_path / "run.jsonl", one("drifted"))
    run(tmp_path / "other.jsonl", one(), candidate="mylib")
    said = trueto("baseline", "run.jsonl", "base.jsonl", cwd=tmp_path)
    assert (1, True) == (said.returncode, "drifted, was faithful: k_diffusion/heun:update:model-7 (cpu)" in said.stdout), said.stdout
    worse = json.loads(trueto("baseline", "run.jsonl", "base.jsonl", "--format", "json", cwd=tmp_path).stdout)["worse"]
    assert [("drifted", "faithful", HEUN)] == [(one["now"], one["was"], one["claim"]) for one in worse]
    said = trueto("baseline", "run.jsonl", "other.jsonl", cwd=tmp_path)
    assert (2, True) == (said.returncode, "try: trueto gate --record base.jsonl" in said.stderr)


def test_a_gate_with_a_baseline_fails_on_what_is_new(tmp_path):
    """A candidate that is off passes against itself, and its summary begins with what is new; a foreign base is refused at once."""
    drifts = str(Path(BASE).with_name("drifts.py"))
    small = ("--case", "model-2", "--layer", "trajectory", "--claim", "k_diffusion/euler@drifts", "--jobs", "1")
    assert 1 == trueto("gate", drifts, *small, "--record", "base.jsonl", cwd=tmp_path).returncode
    said = trueto("gate", drifts, *small, "--record", "run.jsonl", "--baseline", "base.jsonl", "--summary", "s.md", cwd=tmp_path)
    assert (0, True) == (said.returncode, "nothing is new" in said.stdout), said.stdout + said.stderr
    assert (tmp_path / "s.md").read_text().startswith("**Against ")
    said = trueto("gate", BASE, "--baseline", "base.jsonl", "--record", "other.jsonl", cwd=tmp_path)
    assert (2, True) == (said.returncode, "was judged with another" in said.stderr), said.stderr
