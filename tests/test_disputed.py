"""Two candidates that miss one golden in the same way put the golden in doubt; two that miss it differently do not."""

import dataclasses
import json

import numpy as np
import pytest
from support import cell, judged, runs_of_spec, trueto

from trueto.errors import UsageError
from trueto.events import RunWriter, read_run
from trueto.ledger import Ledger, load_ledger
from trueto.model import Layer, Verdict
from trueto.references import reference
from trueto.reports.dispute import disputed
from trueto.running.verdict import Runs

NAME, CASE = "k_diffusion/dpmpp_2m", "karras-20"
PLAIN, SECOND = {"midpoint": "plain"}, {"final_sigma": "sigma_min"}
LEDGER = """
candidate = "declares"
[[deviation]]
reference = "k_diffusion/dpmpp_2m"
layers = ["update", "trajectory"]
variant = "midpoint=plain"
reason = "as its docs say"
owner = "nobody"
since = "1.0"
"""


def nudged(seen):
    """A run whose states are off by one unit in the last place, as another order of operations leaves them."""
    moved = np.nextafter(seen.sample, np.full_like(seen.sample, np.inf))
    return dataclasses.replace(seen, sample=moved)


def judgement(candidate, knobs, layer=Layer.TRAJECTORY, *, rounding=False, ledger=None, scale=1.0):
    """The verdict on a port that does what the spec with these knobs does, up to rounding; `scale` is put on its sample."""
    chosen = cell(NAME, CASE, layer, candidate)
    runs = runs_of_spec(chosen, **knobs)

    def changed(outcome):
        seen = nudged(outcome.observation) if rounding else outcome.observation
        return dataclasses.replace(outcome, observation=dataclasses.replace(seen, sample=seen.sample * seen.sample.dtype.type(scale)))

    runs = Runs(changed(runs.native), changed(runs.twin), changed(runs.closed))
    return judged(chosen, runs, ledger or Ledger("", candidate, ()))


def record(folder, *judgements):
    """A run record of one candidate."""
    name = judgements[0].cell.candidate
    path = folder / f"{name}.jsonl"
    with path.open("w") as stream:
        writer = RunWriter(stream)
        writer.header(id=name, candidate=name, version="1.0", cells=len(judgements))
        for found in judgements:
            writer.cell(found)
        writer.footer(finished="now", exit_code=1)
    return path


def verdicts(folder, *judgements):
    """The verdicts on ports of one cell each, once all their records are laid side by side."""
    records = disputed([read_run(record(folder, found)) for found in judgements])
    return [run.cells[0]["verdict"] for run in records]


@pytest.mark.parametrize("layer", [Layer.UPDATE, Layer.TRAJECTORY])
def test_a_shared_mistake_puts_the_golden_in_doubt(tmp_path, layer):
    """Two ports that leave out the same correction, and round differently, are disputed; each alone has drifted."""
    first, second = judgement("one", PLAIN, layer), judgement("two", PLAIN, layer, rounding=True)
    assert Verdict.DRIFTED == first.verdict == second.verdict
    assert ["disputed", "disputed"] == verdicts(tmp_path, first, second)


def test_different_mistakes_do_not(tmp_path):
    """Two ports that are wrong in two ways have both drifted; a third that shares one of them puts only those two in dispute."""
    first, second = judgement("one", PLAIN), judgement("two", SECOND)
    assert Verdict.DRIFTED == first.verdict == second.verdict
    assert ["drifted", "drifted"] == verdicts(tmp_path, first, second)
    assert ["disputed", "drifted", "disputed"] == verdicts(tmp_path, first, second, judgement("three", PLAIN, rounding=True))


def test_equal_sizes_with_other_signs_do_not(tmp_path):
    """One sample too large and one too small by the same factor are equally far away, but in opposite directions."""
    first, second = judgement("one", {}, scale=1.001), judgement("two", {}, scale=0.999)
    assert Verdict.DRIFTED == first.verdict == second.verdict
    assert ["drifted", "drifted"] == verdicts(tmp_path, first, second)


def test_what_is_the_same_or_declared_is_not_disputed(tmp_path):
    """A port that is the same as the original, or declares the difference, agrees with nobody against the golden."""
    path = tmp_path / "deviations.toml"
    path.write_text(LEDGER)
    declared = judgement("declares", PLAIN, ledger=load_ledger(path, "declares"))
    assert Verdict.DECLARED == declared.verdict
    assert ["drifted", "declared"] == verdicts(tmp_path, judgement("one", PLAIN), declared)
    assert ["drifted", "faithful"] == verdicts(tmp_path, judgement("one", PLAIN), judgement("two", {}))


def test_a_candidate_does_not_agree_with_itself(tmp_path):
    """Two records of one candidate are refused, with the reason."""
    run = read_run(record(tmp_path, judgement("one", PLAIN)))
    with pytest.raises(UsageError, match="two records are of one"):
        disputed([run, run])


def test_report_of_several_runs(tmp_path):
    """`trueto report A B` writes a site for each candidate, says how many cells are disputed and what that means."""
    runs = [record(tmp_path, judgement(name, PLAIN, rounding=name == "two")) for name in ("one", "two")]
    said = trueto("report", *map(str, runs), "--output", "both", cwd=tmp_path)
    assert 0 == said.returncode, said.stderr
    assert "one: 7 files, 1 disputed; open both/one/index.html" in said.stdout
    found = list((tmp_path / "both" / "two" / "claims").glob("*.html"))
    assert 1 == len(found)
    assert "differs from the original just as one does" in found[0].read_text()
    summary = json.loads((tmp_path / "both" / "one" / "summary.json").read_text())
    assert "disputed" in json.dumps(summary)
    assert reference(NAME).id in found[0].read_text()
