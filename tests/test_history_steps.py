"""The record of a release step by step: small, from the original itself, and shown; records without it are read as before."""

import json
import math
import re
from pathlib import Path

import pytest
import records
from support import trueto

from trueto.candidates import ledger_path
from trueto.events import read_run
from trueto.history import Release, changes, read_release, with_header, write_release
from trueto.ledger import load_ledger
from trueto.reports import history, history_page
from trueto.trackers._sources import sources

CLAIM = "k_diffusion/dpmpp_2m"
FAR = [0.0, 1e-9, 0.523, 1234.5, 99.6]


def release(folder: Path, version: str, *cells: dict[str, object]) -> Path:
    """The record of a release with these cells, as a sweep writes it."""
    run = records.write(
        folder / f"{version}-run.jsonl", [records.header(version=version, cells=None), *cells, {"event": "end", "counts": {}}]
    )
    return write_release(folder / "history", read_run(run), goldens="ab" * 32)


def cell(layer: str, **evidence: object) -> dict[str, object]:
    """A declared cell whose rows equal the variant, and are far from the original."""
    made = records.cell(CLAIM, "model-4", layer, verdict="declared", cause="algorithm")
    made["evidence"] |= {"steps": [0, 1, 2, 3, 4], "ratios": [0.1] * 5, "drift_rms": [1e-7] * 5, **evidence}
    return made


def kept(path: Path) -> dict[str, dict[str, object]]:
    """The evidence of each layer, as it is read again."""
    return {str(one["layer"]): one["evidence"] for one in read_release(path).cells}


def test_distance_from_the_original_is_kept_by_step(tmp_path: Path) -> None:
    """Two digits of the update rule and of the whole way, where a variant is declared too; of other layers, and of equal bits, nothing."""
    original = {"ratio": 1234.5, "drift": 0.1, "ratios": FAR, "steps": [0, 1, 2, 3, 4]}
    same = records.cell(CLAIM, "karras-4", "update", verdict="identical")
    found = kept(release(tmp_path, "1.0", cell("schedule", original=original), cell("trajectory", original=original), same))
    assert [0, 0, 0.52, 1200, 100] == found["trajectory"]["by_step"]
    assert "steps" not in found["trajectory"]
    assert not {"by_step", "steps"} & {*found["schedule"], *found["update"]}


def test_rows_of_one_step_are_one_value_and_other_steps_are_named(tmp_path: Path) -> None:
    """The largest row speaks for a step; steps that do not count from 0 stand in the record; what is not finite is left out."""
    path = release(tmp_path, "1.0", cell("update", steps=[1, 1, 2, 5, 6], ratios=[3.0, 2.0, 0.5, math.inf, 7.0]))
    assert ([3, 0.5, 7], [1, 2, 6]) == tuple(kept(path)["update"][name] for name in ("by_step", "steps"))


def test_seed_and_profile_are_kept_where_they_are_not_the_usual(tmp_path: Path) -> None:
    """So a history of another profile says so; a record of the usual ones is as small as before."""
    usual, other = cell("update", original=None), {**cell("trajectory"), "seed": 7, "profile": "bf16"}
    found = {
        one["layer"]: (one["seed"], one["profile"])
        for one in read_release(release(tmp_path, "1.0", {**usual, "profile": "default"}, other)).cells
    }
    assert {"update": (0, "default"), "trajectory": (7, "bf16")} == found


def test_the_page_draws_a_release_step_by_step(tmp_path: Path) -> None:
    """Each curve is a letter a step, once for all releases that have it; a release whose record has none has no number."""
    original = {"ratio": 1234.5, "drift": 0.1, "ratios": FAR, "steps": [0, 1, 2, 3, 4]}
    new = [read_release(release(tmp_path, version, cell("trajectory", original=original))) for version in ("1.1", "1.2")]
    bare = [{**one, "version": "1.0", "evidence": {}} for one in new[0].cells]
    old = Release("diffusers", "1.0", {**new[0].header, "version": "1.0"}, tuple(bare), {})
    told = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', history_page([old, *new]))[1])
    assert ["##*LA"] == told["curves"]
    assert ",0,0" == told["lines"][0]["rows"][0][4]


@pytest.mark.parametrize("whole", [True, False])
def test_a_release_and_a_whole_run_have_the_same_curve(tmp_path: Path, whole: bool) -> None:
    """What is sent to a tracker of the one can be laid over that of the other: the distance from the original by step, by one name."""
    original = {"ratio": 1234.5, "drift": 0.1, "ratios": FAR, "steps": [0, 1, 2, 3, 4]}
    path = release(tmp_path, "1.0", cell("trajectory", original=original))
    (plan,) = sources(tmp_path / "1.0-run.jsonl" if whole else path)[0].plans
    curve = {m.step: m.value for m in plan.metrics if m.name == "original_ratio/trajectory"}
    assert [0, 1, 2, 3, 4] == sorted(curve)
    assert (1234.5, 99.6) == (curve[3], curve[4]) if whole else (1200, 100) == (curve[3], curve[4])


def test_a_change_is_one_of_a_profile_and_a_seed(tmp_path: Path) -> None:
    """What differs under one seed and not under another is a change there alone; the page says where it is seen, and has both to choose."""
    places = [("default", 0), ("default", 1), ("bf16", 0)]
    same = [{**records.cell(CLAIM, "model-4", "update", profile=profile), "seed": seed} for profile, seed in places]
    moved = records.cell(CLAIM, "model-4", "update", verdict="drifted", cause="algorithm")
    after = [{**moved, "profile": profile, "seed": seed} if seed else cell for (profile, seed), cell in zip(places, same, strict=True)]
    releases = [read_release(release(tmp_path, "1.0", *same)), read_release(release(tmp_path, "1.1", *after))]
    found = changes(releases)
    assert [("default", 1, "away")] == [(one.now["profile"], one.now["seed"], one.kind) for one in found]
    page = history_page(releases)
    assert "Seen with profile default and seed 1 only." in page
    told = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1])
    assert [["bf16", "0"], ["default", "0"], ["default", "1"]] == told["wheres"]
    assert [[1, [2]]] == told["lines"][0]["changed"]
    assert "the only one that is recorded" not in page
    (tmp_path / "one").mkdir()
    one = history_page([read_release(release(tmp_path / "one", "1.0", same[1]))])
    assert "profile default, the only one that is recorded" in one
    assert "seed 1, the only one that is recorded" in one


def test_the_day_of_a_release_stands_beside_its_version(tmp_path: Path) -> None:
    """Where it is known: in words, at the change in the plot, and in the terminal; a release without one is its version."""
    moved = records.cell(CLAIM, "model-4", "update", verdict="drifted", cause="algorithm")
    paths = [release(tmp_path, "1.0", records.cell(CLAIM, "model-4", "update")), release(tmp_path, "1.1", moved)]
    assert "<b>1.1</b> moved away from the original (1.0 was as before)" in history_page([read_release(path) for path in paths])
    for path, day in zip(paths, ("2024-01-17", "2024-02-13"), strict=True):
        with_header(path, released=day)
    page = history_page([read_release(path) for path in paths])
    assert "<b>1.1</b> of 2024-02-13 moved away from the original (1.0 of 2024-01-17 was as before)" in page
    told = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1])
    assert ["1.0 of 2024-01-17", "1.1 of 2024-02-13"] == told["named"]
    done = trueto("history", "diffusers", "--history", str(tmp_path / "top"), cwd=tmp_path)
    assert 5 == done.returncode
    (tmp_path / "history").rename(tmp_path / "diffusers")
    assert "1.1 of 2024-02-13 (1.0 of 2024-01-17 was otherwise)" in trueto("history", "diffusers", "--history", ".", cwd=tmp_path).stdout


def test_what_a_ledger_says_is_found_by_the_claim(tmp_path: Path) -> None:
    """By patterns, of which one with an exclamation mark leaves a claim out, in whatever layer and on whatever case."""
    ledger = tmp_path / "deviations.toml"
    ledger.write_text(
        'candidate = "mine"\n[[deviation]]\nreference = "k_diffusion/*"\nclaims = ["*", "!k_diffusion/euler@edm"]\nlayers = ["update"]\n'
        'band = [1, 2]\nreason = "because"\nowner = "mine"\nsince = "1.0"\n'
    )
    (entry,) = load_ledger(ledger, "mine").entries
    claims = ("k_diffusion/euler", "k_diffusion/euler@edm", "compvis/ddim")
    assert ["k_diffusion/euler"] == [claim for claim in claims if entry.speaks_of(claim.partition("@")[0], claim)]


def test_a_page_has_the_variants_of_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that a built-in candidate declares; nothing of a library that has no ledger here, or one that the gate refuses."""
    declared = [entry.to_json() for entry in load_ledger(ledger_path("azula"), "azula").entries if entry.variant]
    assert declared
    assert declared == [entry.to_json() for entry in history._declared("azula")]
    assert [] == history._declared("no such library")
    (tmp_path / "deviations.toml").write_text("[[deviation]\n")
    monkeypatch.setattr(history, "ledger_path", lambda _: tmp_path / "deviations.toml")
    assert [] == history._declared("azula")


def test_what_is_sent_of_a_history_is_told_apart_by_profile_and_seed(tmp_path: Path) -> None:
    """A curve over the releases for each profile; in the run of a release the worst of each seed has the seed for a step."""
    places = [("default", 0, 1.0), ("default", 7, 41.0), ("bf16", 0, 3.0)]
    base = records.cell(CLAIM, "model-4", "update")
    cells = [{**base, "profile": profile, "seed": seed, "ratio": ratio} for profile, seed, ratio in places]
    folder = release(tmp_path, "1.0", *cells).parent
    over, one = sources(folder)
    assert {("diffusers over 1 releases", "default"), ("diffusers over 1 releases bf16", "bf16")} == {
        (plan.name, plan.tags["profile"]) for plan in over.plans
    }
    by_seed = {plan.profile: {m.step: m.value for m in plan.metrics if m.name == "worst_ratio_by_seed/update"} for plan in one.plans}
    assert {"default": {0: 1.0, 7: 41.0}, "bf16": {0: 3.0}} == by_seed


@pytest.mark.parametrize(
    ("narrowed", "said"),
    [
        (("--claim", CLAIM), "--claim cannot go"),
        (("--size", "visible"), "--size cannot go"),
        (("--format", "json", "--claim", CLAIM), "--claim, --format cannot go"),
    ],
)
def test_a_page_of_a_part_is_refused(tmp_path: Path, narrowed: tuple[str, ...], said: str) -> None:
    """What narrows the terminal's history is not dropped without a word; the whole page is written."""
    release(tmp_path, "1.0", cell("update"))
    (tmp_path / "history").rename(tmp_path / "diffusers")
    asked = ("history", "diffusers", "--history", str(tmp_path), "--page", "page.html")
    done = trueto(*asked, *narrowed, cwd=tmp_path)
    assert (4, True, False) == (done.returncode, said in done.stderr, (tmp_path / "page.html").exists()), done.stderr
    assert "try: trueto history diffusers --page page.html" in done.stderr
    assert (0, True) == (trueto(*asked, cwd=tmp_path).returncode, (tmp_path / "page.html").exists())
