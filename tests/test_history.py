"""The history of a library: sweeping its releases, reading what changed, finding the release that changed it, and the page of it."""

import fcntl
import json
import re
import subprocess

import pytest
from releasing import SOURCES, TOY, offline, repository, shelf
from support import trueto

from trueto.errors import DataError
from trueto.history import changes, changes_between, first_part, read_history
from trueto.model import Verdict
from trueto.reports import history_page, write_site

EULER = "k_diffusion/euler"


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A folder in which every release of trueto-toy was swept, the first half before an interruption; what pip sees; both outputs."""
    folder = tmp_path_factory.mktemp("history")
    pip = offline(shelf(folder / "shelf"))
    first = trueto("sweep", str(TOY), "--versions", "<1.2", cwd=folder, **pip)
    second = trueto("sweep", str(TOY), cwd=folder, **pip)
    return folder, pip, first, second


def told(page):
    """What the page tells its script."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1])


def history(folder):
    """What is recorded there."""
    return read_history(folder / "reports" / "history" / "toy")


@pytest.mark.slow
def test_a_sweep_records_every_release_and_passes_over_what_is_recorded(swept):
    """Six releases, a file each; what the first sweep recorded is not judged again; one that cannot be imported is said to be so."""
    folder, _, first, second = swept
    assert (0, 2) == (first.returncode, second.returncode), second.stderr
    assert list(SOURCES) == [release.version for release in history(folder)]
    assert {"1.0": "recorded before", "1.1": "recorded before"} == dict(re.findall(r"toy.py (1\.[01]) recorded: (.*)", second.stdout))
    last = history(folder)[-1]
    assert ("2.1", ()) == (last.version, last.cells)
    assert "this release does not start" in last.unjudged
    assert max(path.stat().st_size for path in (folder / "reports" / "history" / "toy").glob("*.jsonl")) < 10_000


@pytest.mark.slow
def test_changes_are_found_at_the_right_releases(swept):
    """Euler moved away at 1.2 in the update rule, and back at 2.0; a class that came later is no change; 1.3 computes what 1.2 does."""
    found = changes(history(swept[0]))
    assert {(EULER, "1.2", "away"), (EULER, "2.0", "back")} == {(change.claim, change.after, change.kind) for change in found}
    away = first_part(change for change in found if change.after == "1.2")
    assert ("update", "1.1") == (away.layer, away.before)
    assert isinstance(away.now["first_step"], int)
    assert away.now["grey_levels"] > 0
    assert "knows smooth now" in away.what
    assert {"has no such class: Heun"} == {release.lacks["k_diffusion/heun"] for release in history(swept[0]) if "1" == release.version[0]}


@pytest.mark.slow
def test_history_in_the_terminal_and_as_data(swept):
    """A line a change with its layers and sizes; JSON holds the same; a wrong name, and no history, are errors."""
    folder = swept[0]
    shown = trueto("history", str(TOY), cwd=folder)
    assert 0 == shown.returncode, shown.stderr
    assert "1.2 of 2024-02-03 (1.1 of 2024-01-02 was otherwise) · update, trajectory" in shown.stdout
    assert "? 2.1 not judged" in re.sub(" +", " ", shown.stdout)
    data = json.loads(trueto("history", str(TOY), "--format", "json", cwd=folder).stdout)
    assert {"1.2", "2.0"} == {change["after"] for change in data}
    typo = trueto("history", str(TOY), "--claim", "k_diffusion/eular", cwd=folder)
    assert (4, True) == (typo.returncode, "did you mean 'k_diffusion/euler'" in typo.stderr)
    assert (5, True) == ((none := trueto("history", "diffusers", cwd=folder)).returncode, "trueto sweep diffusers" in none.stderr)


@pytest.mark.slow
def test_a_sweep_may_judge_under_several_profiles(swept, tmp_path):
    """Side by side in one record, which is another selection: it is not passed over for a record of one profile."""
    folder, pip, *_ = swept
    pip = {**pip, "TRUETO_ENVIRONMENTS": str(folder / ".trueto" / "environments")}
    both = ("--versions", "==1.1", "--profile", "default", "--profile", "threads-2")
    outcomes = [trueto("sweep", str(TOY), *more, cwd=tmp_path, **pip) for more in (both[:2], both, both)]
    assert ["judged", "judged", "recorded"] == [re.search(r"toy.py 1.1 (\w+):", done.stdout)[1] for done in outcomes]
    found = [release for release in history(tmp_path) if release.version == "1.1"]
    assert {"default", "threads-2"} == {cell["profile"] for cell in found[0].cells}
    wrong = trueto("sweep", str(TOY), "--profile", "threads-3", cwd=tmp_path, **pip)
    assert (4, True) == (wrong.returncode, "unknown profile 'threads-3'" in wrong.stderr)


@pytest.mark.slow
def test_two_sweeps_at_once_are_refused(swept):
    """The second ends at once, and says why."""
    folder, pip, *_ = swept
    with (folder / "reports" / "history" / "toy" / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        done = trueto("sweep", str(TOY), "--versions", "==1.0", cwd=folder, **pip)
    assert (4, True) == (done.returncode, "another sweep is writing" in done.stderr)


@pytest.mark.slow
def test_bisecting_by_records_runs_nothing(swept):
    """With every release recorded the answer comes without a run, and without a network."""
    folder = swept[0]
    done = trueto("bisect", str(TOY), EULER, "--good", "1.0", "--bad", "1.3", cwd=folder, PIP_NO_INDEX="1", PIP_CONFIG_FILE="/dev/null")
    assert 0 == done.returncode, done.stderr
    assert f"{EULER} changed at {TOY} 1.2 of 2024-02-03; 1.1 of 2024-01-02 is as 1.0" in done.stdout
    assert "0 releases judged for this" in done.stdout
    assert re.search(r"update · model-20: same as the original → differs in algorithm.* grey levels, from step \d+ on", done.stdout)


@pytest.mark.slow
def test_bisecting_without_records_judges_what_is_needed(swept, tmp_path):
    """Ends and the middle are judged, for the one claim; a second search knows them."""
    pip = {**swept[1], "TRUETO_ENVIRONMENTS": str(swept[0] / ".trueto" / "environments")}
    first = trueto("bisect", str(TOY), EULER, "--good", "1.0", "--bad", "1.3", cwd=tmp_path, **pip)
    assert 0 == first.returncode, first.stderr
    assert ["1.0", "1.3", "1.2", "1.1"] == re.findall(r"^judging \S+ (\S+)$", first.stdout, re.MULTILINE)
    assert "changed at" in first.stdout
    assert " 1.2 of 2024-02-03; 1.1 of 2024-01-02 is as 1.0" in first.stdout
    assert "judging" not in trueto("bisect", str(TOY), EULER, "--good", "1.0", "--bad", "1.3", cwd=tmp_path, **pip).stdout


@pytest.mark.slow
def test_bisecting_the_commits_of_a_repository(tmp_path):
    """The commit is named; one that does not start is passed over, one that touches another path is not built; the clone stays as it is."""
    pip = offline(shelf(tmp_path / "shelf"))
    clone = tmp_path / "toy-clone"
    made = repository(clone)
    asked = ["bisect", str(TOY), EULER, "--source", str(clone), "--touching", "trueto_toy"]
    done = trueto(*asked, "--good", made[0], "--bad", "HEAD", cwd=tmp_path, **pip)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert f"{EULER} changed at {TOY} commit {made[4][:12]} of " in done.stdout
    assert f"“step 4: 1.2”; commit {made[3][:12]} of " in done.stdout
    assert f"next: trueto explain {TOY}==0+g{made[4][:12]} {EULER}:update:model-20" in done.stdout
    assert made[1][:12] not in done.stdout
    assert "" == subprocess.run(["git", "-C", clone, "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    assert "judging" not in trueto(*asked, "--good", made[0], "--bad", "HEAD", cwd=tmp_path, **pip).stdout


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("HEAD", "HEAD~2", "does not come before"),
        ("HEAD", "HEAD", "does not come before"),
        ("nowhere", "HEAD", "bad revision"),
        ("--output=x", "HEAD", "is no revision"),
    ],
)
def test_commits_that_cannot_be_bisected_are_errors(tmp_path, good, bad, said):
    """Ends in the wrong order, alike, unknown, or no commits at all; nothing is built."""
    repository(tmp_path / "clone")
    done = trueto("bisect", str(TOY), EULER, "--source", "clone", f"--good={good}", "--bad", bad, cwd=tmp_path)
    assert (4, True) == (done.returncode, said in done.stderr), done.stderr
    assert "try:" in done.stderr


@pytest.mark.parametrize(
    ("good", "bad", "code", "said"),
    [
        ("1.0", "1.1", 4, "computes the same at 1.0 and at 1.1"),
        ("1.3", "1.0", 4, "is not older than"),
        ("1.0", "1.33", 4, "did you mean '1.3'"),
        ("1.0", "new", 4, "expected a version"),
        ("1.0", "2.1", 2, "does not start"),
    ],
)
@pytest.mark.slow
def test_what_cannot_be_bisected_is_an_error(swept, good, bad, code, said):
    """Ends that are alike, in the wrong order, unknown, or not to be judged."""
    folder, pip, *_ = swept
    done = trueto("bisect", str(TOY), EULER, "--good", good, "--bad", bad, cwd=folder, **pip)
    assert (code, True) == (done.returncode, said in done.stderr), done.stderr
    assert "try:" in done.stderr


@pytest.mark.slow
def test_a_damaged_record_is_named(swept, tmp_path):
    """Half a record, another schema and a verdict that nobody knows are errors with the file's name, never a release that did well."""
    text = (swept[0] / "reports" / "history" / "toy" / "1.2.jsonl").read_text()
    damaged = (text[: len(text) // 2], text.replace('"schema":1', '"schema":9', 1), text.replace('"drifted"', '"fine"', 1))
    for spoiled in damaged:
        (tmp_path / "1.2.jsonl").write_text(spoiled)
        with pytest.raises(DataError, match=r"1\.2\.jsonl"):
            read_history(tmp_path)


@pytest.mark.slow
def test_the_page_says_where_y_changed(swept):
    """Matrix and time lines: signs with words, change points marked, addresses that lead somewhere, nothing from outside, no script."""
    releases = history(swept[0])
    page = history_page(releases, "../index.html")
    assert "toy over 6 releases: 1 of 2 claims changed" in page
    assert re.findall(r'href="#([^"]+)"', page)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))
    assert 2 == len(re.findall(r'<td [^>]*class="\w+ changed"', page))
    plots = {line["claim"]: line for line in told(page)["lines"]}
    assert [[2, [0]], [4, [0]]] == plots[EULER]["changed"]
    assert [["default", "0"]] == told(page)["wheres"]
    assert [] == plots["k_diffusion/heun"]["changed"]
    assert "1.2</b> of 2024-02-03 moved away from the original (1.1 of 2024-01-02 was as before)" in page
    assert "this release does not start" in page
    assert 1 == page.count("<script>")
    assert not re.findall(r"https?://(?!www\.w3\.org)", page)
    signs = re.findall(r"<td[^>]*>(<a [^>]*>)", page)
    assert 12 == len(signs)
    assert all(" title=" in sign for sign in signs)


@pytest.mark.slow
def test_every_sign_leads_to_what_it_was(swept):
    """Each release of a claim leads to the entry of the time in which it was the same."""
    page = history_page(history(swept[0]))
    begun = re.findall(r'<li id="k_diffusion-euler--([^"]*)"', page)
    assert ["1.0", "1.2", "2.0"] == begun
    row = re.search(r'<tr><th scope="row"><a href="#k_diffusion-euler">.*?</tr>', page)
    assert row
    led = re.findall(r'<a [^>]*href="#k_diffusion-euler--([^"]*)"', row[0])
    assert {"1.0": "1.0", "1.1": "1.0", "1.2": "1.2", "1.3": "1.2", "2.0": "2.0"}.items() <= dict(zip(SOURCES, led, strict=True)).items()
    assert "is the first that is recorded: same as the original" in page


@pytest.mark.slow
def test_the_script_is_told_what_the_records_hold(swept):
    """Of every release and layer the worst cell: verdict, case, two digits of its distance; for what is missing the reason."""
    releases = history(swept[0])
    data = told(history_page(releases))
    line = next(line for line in data["lines"] if line["claim"] == EULER)
    seen = 0
    for _, layer, kinds, ratios, *steps in line["rows"]:
        curves = steps[0].split(",") if steps else [""] * len(releases)
        for release, kind, ratio, curve in zip(releases, kinds.split(","), ratios.split(","), curves, strict=True):
            cells = [cell for cell in release.cells if (cell["claim"], cell["layer"]) == (EULER, layer)]
            assert bool(cells) == bool(kind)
            if cells:
                verdict, _, case = data["kinds"][int(kind)]
                worst = next(cell for cell in cells if cell["case"] == case)
                assert verdict == worst["verdict"]
                assert f"{max(cell['ratio'] for cell in cells):.1e}" == f"{float(ratio):.1e}"
                assert len(worst["evidence"].get("by_step", "")) == len(data["curves"][int(curve)] if curve else "")
                seen += bool(curve)
    assert seen
    reasons = [data["reasons"][int(number)] for number in line["why"].split(",") if number]
    assert 1 == len(reasons)
    assert "this release does not start" in reasons[0]


@pytest.mark.slow
def test_hostile_names_are_text_on_the_page(swept):
    """A candidate's claim, reason or version is never markup."""
    releases = [release for release in history(swept[0]) if release.cells]
    evil = "<img src=x onerror=alert(1)>"
    cells = tuple({**cell, "claim": evil, "cause": evil} for cell in releases[2].cells)
    spoiled = [type(one)(evil, one.version, one.header, cells if one is releases[2] else one.cells, {}, evil) for one in releases]
    assert "<img" not in history_page(spoiled)


@pytest.mark.slow
def test_the_site_links_to_the_history(swept, tmp_path):
    """With records beside it, the site has the page, and index and claims lead to it; without, it has neither."""
    folder, pip, *_ = swept
    run = tmp_path / "run.jsonl"
    trueto("gate", f"{TOY}==2.0", "--claim", EULER, "--record", str(run), cwd=folder, **pip)
    write_site(run, tmp_path / "bare")
    assert "history.html" not in (tmp_path / "bare" / "index.html").read_text()
    assert not (tmp_path / "bare" / "claims" / "history.html").exists()
    write_site(run, folder / "reports")
    assert 'href="claims/history.html"' in (folder / "reports" / "index.html").read_text()
    assert 'href="history.html#k_diffusion-euler"' in (folder / "reports" / "claims" / "k_diffusion-euler.html").read_text()
    assert 'id="k_diffusion-euler"' in (folder / "reports" / "claims" / "history.html").read_text()
    switch = folder / "switch.jsonl"  # a claim that no release was swept for
    switch.write_text(run.read_text().replace(EULER, "k_diffusion/dpm_2"))
    write_site(switch, folder / "reports")
    assert "history.html" not in (folder / "reports" / "claims" / "k_diffusion-dpm_2.html").read_text()


@pytest.mark.slow
def test_two_differences_are_held_against_each_other(swept):
    """Both drifted is not both the same: marks that differ by more than rounding are another Y; the same marks are none."""
    drifted = next(release for release in history(swept[0]) if release.version == "1.2")
    cell = next(cell for cell in drifted.cells if cell["verdict"] == Verdict.DRIFTED)
    assert [] == changes_between(drifted, drifted)
    other = {**cell, "evidence": {**cell["evidence"], "marks": [2 * mark for mark in cell["evidence"]["marks"]]}}
    moved = type(drifted)("toy", "1.3", drifted.header, (other,), {})
    assert ["other"] == [change.kind for change in changes_between(drifted, moved)]
