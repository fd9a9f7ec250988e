"""The ledger: what cannot be read is refused with its place, and a declaration holds exactly as long as it is true."""

import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import BASE, cell, judged, runs_of_spec, trueto

from trueto import candidates
from trueto.errors import LedgerError
from trueto.ledger import load_ledger
from trueto.model import Layer, Verdict
from trueto.references import load_golden, reference
from trueto.running.client import Outcome
from trueto.running.judging import check_bands
from trueto.running.outputs import Calls, judge_outputs
from trueto.running.profiles import profile
from trueto.running.verdict import Runs

NAME = "k_diffusion/dpmpp_2m"
ENTRY = {
    "reference": f'"{NAME}"', "layers": '["schedule", "start", "update", "trajectory"]', "variant": '"told=rounded"', "reason": '"because"',
    "owner": '"us"', "since": '"1.0"',
}  # fmt: skip


def written(path, *entries, candidate="toy", top=""):
    """A deviations.toml with these entries; each replaces or removes (None) fields of a good one."""
    text = [f'candidate = "{candidate}"', top]
    for changes in entries:
        fields = {key: value for key, value in {**ENTRY, **changes}.items() if value is not None}
        text += ["[[deviation]]", *(f"{key} = {value}" for key, value in fields.items())]
    path.write_text("\n".join(text))
    return path


def ledger(tmp_path, *entries):
    """The same, read."""
    return load_ledger(written(tmp_path / "deviations.toml", *entries), "toy")


def test_good_entry_is_read(tmp_path):
    """A ledger that is well written is accepted, with its knobs."""
    assert {"told": "rounded"} == ledger(tmp_path, {}).entries[0].knobs


def test_no_ledger_declares_nothing():
    """A candidate without a ledger has an empty one."""
    assert () == load_ledger(None, "toy").entries


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reference": '"k_diffusion/dpmpp_2n"'}, "unknown reference 'k_diffusion/dpmpp_2n'; did you mean 'k_diffusion/dpmpp_2m'?"),
        ({"variant": '"tolt=rounded"'}, "unknown knob of k_diffusion/dpmpp_2m 'tolt'; did you mean 'told'?"),
        ({"variant": '"told=roundet"'}, "unknown value of knob told 'roundet'; did you mean 'rounded'?"),
        ({"variant": '""'}, "an empty variant declares nothing"),
        ({"variant": None}, "give either a variant (exact) or a band"),
        ({"band": "[10.0, 40.0]"}, "give either a variant (exact) or a band"),
        ({"variant": None, "band": "[40.0, 10.0]"}, "a band is two increasing ratios"),
        ({"variant": None, "band": "[10.0]"}, "a band is two increasing ratios"),
        ({"variant": None, "band": "40.0"}, "a band is two increasing ratios"),
        ({"variant": None, "band": '["a", "b"]'}, "a band is two increasing ratios"),
        ({"layers": '["schedul"]'}, "unknown layers schedul; known: schedule"),
        ({"layers": '"schedule"'}, "layers is a list of names; saw 'schedule'"),
        ({"cases": '"karras-20"'}, "cases is a list of names; saw 'karras-20'"),
        ({"profiles": "[1]"}, "profiles is a list of names; saw [1]"),
        ({"reference": "7"}, "reference is a text; saw 7"),
        ({"reason": None}, "reason missing"),
        ({"owner": '""'}, "owner missing"),
        ({"tolerance": "1.0"}, "unknown keys tolerance; known: band, cases"),
        ({"review": "2020-01-31"}, "its review date 2020-01-31 has passed"),
        ({"cases": "[]"}, "cases is an empty list"),
        ({"releases": '"new"'}, "releases is 'new', expected a range"),
        ({"review": '"soon"'}, "review is a date without quotes, as 2027-01-31"),
    ],
)
def test_bad_entry_is_refused(tmp_path, changes, words):
    """An entry that cannot be taken as written is refused, with the number of the entry and what is wrong."""
    with pytest.raises(LedgerError) as caught:
        ledger(tmp_path, {}, changes)
    assert "deviation 2 (k_diffusion/" in str(caught.value) or changes == {"reference": "7"}
    assert words in str(caught.value)
    assert caught.value.hint
    assert 4 == caught.value.exit_code


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'candidate = "toy"\ntolerance = 3', "unknown keys: tolerance"),
        (b'candidate = "diffusers"', "is for candidate 'diffusers', not for 'toy'"),
        (b"", "is for candidate None"),
        (b"candidate = ", "is not TOML"),
        (b"\xff\xfe\x00", "is not TOML"),
        (b'candidate = "toy"\n[deviation]\nreference = "x"', "[[deviation]]"),
        (b'candidate = "toy"\ndeviation = ["x"]', "[[deviation]]"),
    ],
)
def test_bad_file_is_refused(tmp_path, text, words):
    """A file that is no ledger of this candidate is refused, with its name."""
    path = tmp_path / "deviations.toml"
    path.write_bytes(text)
    with pytest.raises(LedgerError) as caught:
        load_ledger(path, "toy")
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.hint
    assert 4 == caught.value.exit_code


def test_missing_file_is_refused(tmp_path):
    """A ledger that was named and is not there is refused."""
    with pytest.raises(LedgerError, match="cannot be read: No such file") as caught:
        load_ledger(tmp_path / "none.toml", "toy")
    assert 4 == caught.value.exit_code


def test_coming_review_date_is_accepted(tmp_path):
    """A review date that lies ahead is kept."""
    assert "2999-01-31" == ledger(tmp_path, {"review": "2999-01-31"}).entries[0].review


def test_entry_speaks_only_of_what_it_names(tmp_path):
    """An entry covers a cell only where reference, claim, layer, case and profile all match."""
    chosen = cell(NAME, "karras-20", Layer.SCHEDULE)
    assert ledger(tmp_path, {"cases": '["karras-*"]'}).covering(chosen)
    for other in (
        {"cases": '["model-*"]'},
        {"layers": '["start"]'},
        {"profiles": '["cuda"]'},
        {"claims": '["other"]'},
        {"reference": '"k_diffusion/euler"'},
    ):
        assert not ledger(tmp_path, other).covering(chosen)


def test_claims_can_be_left_out(tmp_path):
    """`!name` takes a claim out of an entry that speaks of all others; alone it names nothing, and is refused."""
    chosen = cell(NAME, "karras-20", Layer.SCHEDULE)
    assert ledger(tmp_path, {"claims": '["*", "!k_diffusion/euler"]'}).covering(chosen)
    for names in ('["*", "!k_diffusion/dpmpp_2m"]', '["!k_diffusion/dpmpp_*", "k_diffusion/*"]'):
        assert not ledger(tmp_path, {"claims": names}).covering(chosen)
    with pytest.raises(LedgerError, match="claims names only what is left out"):
        ledger(tmp_path, {"claims": '["!k_diffusion/euler"]'})


@pytest.mark.parametrize("layer", ["schedule", "trajectory"])
def test_declared_variant_is_declared(tmp_path, layer):
    """A difference that equals the declared variant is declared, and its size is still told."""
    chosen = cell(NAME, "karras-20", Layer(layer))
    seen = judged(chosen, runs_of_spec(chosen, told="rounded"), ledger(tmp_path, {}))
    assert Verdict.DECLARED == seen.verdict
    assert seen.size in ("negligible", "small", "visible", "another image")
    assert seen.evidence["original"]["ratio"] > 5


def test_undeclared_difference_drifts():
    """The same difference without a ledger is drifted, with the first step, a cause and a size."""
    chosen = cell(NAME, "karras-20", Layer.TRAJECTORY)
    seen = judged(chosen, runs_of_spec(chosen, told="rounded"))
    assert (Verdict.DRIFTED, "algorithm") == (seen.verdict, seen.cause)
    assert seen.ratio > 5
    assert seen.grey_levels > 0


def test_declaration_of_a_difference_that_is_gone_is_stale(tmp_path):
    """A candidate that now does what the original does must drop its entry."""
    chosen = cell(NAME, "karras-20", Layer.TRAJECTORY)
    seen = judged(chosen, runs_of_spec(chosen), ledger(tmp_path, {}))
    assert (Verdict.STALE, "stale ledger") == (seen.verdict, seen.cause)
    assert "remove the entry" in seen.reason


def test_another_difference_than_the_declared_one_is_stale(tmp_path):
    """A declaration is exact: truncated is not rounded, and one fault more is seen."""
    chosen = cell(NAME, "karras-20", Layer.TRAJECTORY)
    for knobs in ({"told": "truncated"}, {"told": "rounded", "final_step": "second_order", "midpoint": "plain"}):
        seen = judged(chosen, runs_of_spec(chosen, **knobs), ledger(tmp_path, {}))
        assert (Verdict.STALE, "not as declared") == (seen.verdict, seen.cause)
        assert "is not the declared variant `told=rounded`" in seen.reason


def test_two_entries_are_judged_together(tmp_path):
    """All entries that speak of a cell make one variant."""
    chosen = cell(NAME, "karras-20", Layer.TRAJECTORY)
    both = ledger(tmp_path, {}, {"variant": '"start=unit"'})
    assert Verdict.DECLARED == judged(chosen, runs_of_spec(chosen, told="rounded", start="unit"), both).verdict


def test_each_entry_must_still_be_needed(tmp_path):
    """An entry without which the others explain everything is stale."""
    chosen = cell(NAME, "karras-20", Layer.TRAJECTORY)
    both = ledger(tmp_path, {}, {"variant": '"final_step=first_order"'})
    seen = judged(chosen, runs_of_spec(chosen, told="rounded"), both)
    assert (Verdict.STALE, "stale ledger") == (seen.verdict, seen.cause)
    assert "`final_step=first_order` is no longer there" in seen.reason


def test_rounding_entry_is_not_stale_where_it_is_not_needed(tmp_path):
    """An entry whose knobs concern precision only may stand where the drift stays within the original's rounding."""
    chosen = cell(NAME, "karras-20", Layer.START)
    seen = judged(chosen, runs_of_spec(chosen), ledger(tmp_path, {"variant": '"table=float32"'}))
    assert seen.verdict.same, seen.reason


def test_rounding_entry_explains_rounding_only(tmp_path):
    """A precision entry does not excuse a difference of the algorithm: the float64 twin shows it."""
    chosen = cell(NAME, "karras-20", Layer.TRAJECTORY)
    seen = judged(chosen, runs_of_spec(chosen, told="rounded"), ledger(tmp_path, {"variant": '"table=float32"'}))
    assert (Verdict.STALE, "not as declared") == (seen.verdict, seen.cause)


def test_band_is_two_sided_and_counted_apart(tmp_path):
    """Inside its band a difference is 'declared, unexplained'; outside, above or below, the entry is stale."""
    chosen = cell(NAME, "karras-20", Layer.TRAJECTORY)
    runs = runs_of_spec(chosen, told="rounded")
    ratio = judged(chosen, runs).evidence["ratios"]
    worst = max(ratio)
    bands = {
        (worst / 2, worst * 2): Verdict.DECLARED_UNEXPLAINED,
        (worst * 2, worst * 3): Verdict.STALE,
        (worst / 3, worst / 2): Verdict.STALE,
    }
    for (low, high), verdict in bands.items():
        seen = judged(chosen, runs, ledger(tmp_path, {"variant": None, "band": f"[{low}, {high}]"}))
        assert verdict == seen.verdict, seen.reason


SDE, EMA = "k_diffusion/dpmpp_2m_sde", "k_diffusion/ema_warmup"


def seen_through(found):
    """What is judged of a candidate that differs, under a ledger: of a whole run, of the noise it drew, and of named outputs."""
    chosen, noisy = cell(NAME, "karras-20", Layer.TRAJECTORY), cell(SDE, "model-7", Layer.NOISE)
    drawn = load_golden(SDE).observation("model-7", "seeded", "float32")
    other = Runs(Outcome(replace(drawn, noise=np.concatenate([drawn.noise[:1], drawn.noise[1:] * np.float32(1.5)]))), None)
    averaged = cell(EMA, "simple", Layer.TRAINING)
    kept = load_golden(EMA).outputs("simple", "float32")
    scaled = Outcome(None, outputs=replace(kept, arrays={name: value * np.float32(1.01) for name, value in kept.arrays.items()}))
    yield judged(chosen, runs_of_spec(chosen, told="rounded"), found)
    yield judged(noisy, other, found)
    yield judge_outputs(averaged, "1.0", reference(EMA), profile("default"), Calls(scaled, None), found)


def banded(low, high, reason="as wide"):
    """An entry with a band for what is looked at above."""
    layers = '["trajectory", "noise", "training"]'
    return {"reference": '"k_diffusion/*"', "layers": layers, "variant": None, "band": f"[{low}, {high}]", "reason": f'"{reason}"'}


def variants():
    """An entry with a variant for each of them, with another reason."""
    for name, layer, variant in (
        (NAME, "trajectory", "told=rounded"), (SDE, "noise", "draws=sequential"), (EMA, "training", "first=copied"),
    ):  # fmt: skip
        yield {"reference": f'"{name}"', "layers": f'["{layer}"]', "variant": f'"{variant}"', "reason": '"a variant"'}


@pytest.mark.parametrize(("band", "verdict"), [((1e-6, 1e30), Verdict.DECLARED_UNEXPLAINED), ((1e-6, 1e-5), Verdict.STALE)])
@pytest.mark.parametrize("first", [True, False])
def test_the_reason_of_a_band_is_that_of_its_own_entry(tmp_path, band, verdict, first):
    """Where a variant stands beside it, before or after, the band decides, and its entry says why; the record has both."""
    entries = [banded(*band), *variants()] if first else [*variants(), banded(*band)]
    for seen in seen_through(ledger(tmp_path, *entries)):
        assert verdict == seen.verdict, seen.reason
        assert f"the ledger allows {band[0]:g} to {band[1]:g} times the original's rounding: as wide" == seen.reason
        assert band == seen.evidence["ledger"]["band"]
        assert {"as wide", "a variant"} == set(seen.evidence["ledger"]["reason"].split("; "))


def test_a_cell_has_one_band(tmp_path):
    """Two are an error that names both, from whichever judge comes upon it, and from the gate before anything runs."""
    found = ledger(tmp_path, banded(1, 2, "narrow"), banded(1, 20, "wide"))
    for number in range(3):
        with pytest.raises(LedgerError, match=r"2 bands for k_diffusion/.* 1 to 2 \(narrow\) and 1 to 20 \(wide\)"):
            next(itertools.islice(seen_through(found), number, None))
    with pytest.raises(LedgerError, match="2 bands for"):
        check_bands(found, [cell(NAME, "karras-20", Layer.UPDATE), cell(NAME, "karras-20", Layer.TRAJECTORY)])
    check_bands(found, [cell(NAME, "karras-20", Layer.UPDATE)])


def test_a_gate_whose_ledger_has_two_bands_for_a_cell_does_not_begin(tmp_path):
    """It is a mistake of the ledger, with exit code 4, and no record is left that looks like a run."""
    path = written(tmp_path / "two.toml", banded(1, 2), banded(1, 20), candidate="base")
    chosen = ("--claim", "k_diffusion/euler", "--case", "model-2", "--ledger", str(path), "--record", "r.jsonl")
    done = trueto("gate", BASE, *chosen, cwd=tmp_path)
    assert (4, True) == (done.returncode, "2 bands for k_diffusion/" in done.stderr), done.stderr
    assert "so that each cell has one band" in done.stderr
    assert not (tmp_path / "r.jsonl").exists()


def test_every_entry_of_a_built_in_ledger_is_proven():
    """Each entry names a test of its cause, and that test exists."""
    here = Path(__file__).parents[1]
    for path in (Path(candidates.__file__).parent).glob("*/deviations.toml"):
        named = [entry.test.partition("::") for entry in load_ledger(path, path.parent.name).entries]
        assert [] == [file + "::" + test for file, _, test in named if f"\ndef {test}(" not in (here / file).read_text()]
        assert named or re.search("nothing (may ever be declared here|is declared)", path.read_text())


def test_noise_is_declared_bit_for_bit(tmp_path):
    """Layer noise: the declared draws must be the draws, in order and number."""
    name = "k_diffusion/euler"
    chosen = cell(name, "model-2", Layer.NOISE)
    golden = load_golden(name).observation("model-2", "seeded", "float32")
    seen = judged(chosen, Runs(Outcome(golden), None))
    assert (Verdict.IDENTICAL, "the same 1 draws from the same seed") == (seen.verdict, seen.reason)
    entry = {"reference": f'"{name}"', "layers": '["noise"]', "variant": '"draws=sequential"'}
    assert Verdict.STALE == judged(chosen, Runs(Outcome(golden), None), ledger(tmp_path, entry)).verdict
