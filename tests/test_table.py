"""The table that a gate ends with: sizes that are known, and where to read what is not claimed."""

import re
from pathlib import Path

import pytest
import records
from support import BASE, trueto

from trueto.cli.table import summary_table
from trueto.cli.timeline import change_line
from trueto.events import read_run
from trueto.history.changes import Change
from trueto.references import reference, reference_names
from trueto.reports import to_annotations, to_markdown, write_site
from trueto.reports.words import size_words
from trueto.running.profiles import absent, profile, profile_names
from trueto.running.screen import failure_screen

NAME = "k_diffusion/euler"


def cell(verdict: str, **fields: object) -> dict[str, object]:
    """One cell of a run."""
    found = records.cell(NAME, "karras-20", "trajectory", verdict=verdict)
    return {**found, "evidence": {**found["evidence"], "original_source": reference(NAME).origin}, **fields}


def table(folder: Path, *cells: dict[str, object], **header: object) -> str:
    """The table of a run of these cells."""
    end = {"event": "end", "finished": "2026-01-01T00:00:00Z", "counts": {}, "exit_code": 1}
    path = records.write(folder / "run.jsonl", [records.header(**header), *cells, end])
    return summary_table(read_run(path), path, terminal=False)


def missing() -> str:
    """A profile that cannot run on this machine."""
    return next((name for name in profile_names() if absent(profile(name))), "") or pytest.skip("every profile can run here")


SMALL = {"size": "small", "grey_levels": 1.2}


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([cell("faithful")], "none"),
        ([cell("unjudged")], "not known"),
        ([cell("faithful"), cell("unjudged")], "not known"),
        ([cell("drifted", **SMALL), cell("unjudged")], "at least small"),
        ([cell("declared", **SMALL)], "small (declared)"),
        ([cell("declared", **SMALL), cell("unjudged")], "at least small"),
        ([cell("drifted", size="not measured", grey_levels=None), cell("unjudged")], "not known"),
        ([cell("disputed", **SMALL)], "small"),
        ([cell("broken"), cell("drifted", **SMALL)], "no usable picture"),
    ],
)
def test_size_is_not_said_where_it_is_not_known(tmp_path: Path, cells: list[dict[str, object]], said: str) -> None:
    """What could not be judged has no known size, and is never said to have none; what stopped has no picture."""
    row = next(line for line in table(tmp_path, *cells).splitlines() if line.startswith(NAME))
    assert said == re.sub(rf"^{NAME} +\S +", "", row).strip()


def test_what_cannot_run_here_has_no_known_size(tmp_path: Path) -> None:
    """The same of a profile that the machine lacks."""
    done = trueto("gate", BASE, "--claim", NAME, "--case", "model-2", "--profile", missing(), cwd=tmp_path)
    assert 2 == done.returncode, done.stdout + done.stderr
    assert re.search(rf"^{NAME} +(\? +)+not known *$", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.parametrize("spec", [BASE, "diffusers"])
def test_what_is_not_claimed_is_named_by_the_command(tmp_path: Path, spec: str) -> None:
    """The command that is offered lists exactly what is not claimed, with reasons, also for an adapter given by its path."""
    run = [{"event": "no_claim", "reference": name, "reason": "not ported"} for name in reference_names()[:9]]
    judged = cell("faithful")
    judged["evidence"] = {**judged["evidence"], "command": f"trueto gate {spec} --claim {NAME} --layer update"}
    said = table(tmp_path, judged, *run)
    assert f"not claimed: 9 other originals; `trueto list claims {spec}` names them and says why" in said
    listed = trueto("list", "claims", spec, cwd=tmp_path).stdout
    named = [line.split()[0] for line in listed.splitlines() if "  no claim  " in line]
    claimed = {line.split()[0].partition("@")[0] for line in listed.splitlines() if "  no claim  " not in line}
    assert NAME in claimed
    assert sorted(set(reference_names()) - claimed) == named
    if spec == BASE:
        assert "not ported" in next(line for line in listed.splitlines() if line.startswith("k_diffusion/lms "))


def test_more_than_255_grey_levels_are_not_counted(tmp_path: Path) -> None:
    """A picture on a screen has 256 shades: beyond that only 'more than 255' is said, in the screen, history, reports and pages."""
    much = cell("drifted", size="another image", grey_levels=3.5e4)
    change = Change(NAME, "trajectory", "karras-20", "1", "2", "away", cell("faithful"), much)
    path = records.write(tmp_path / "run.jsonl", [records.header(), much, {"event": "end", "counts": {}, "exit_code": 1}])
    write_site(path, tmp_path / "out")
    page = (tmp_path / "out/claims/k_diffusion-euler.html").read_text()
    texts = [failure_screen(much), change_line(change), to_markdown(read_run(path)), (tmp_path / "out/matrix.md").read_text(), page]
    for text in texts:
        assert "more than 255 grey levels" in text
        assert not re.search(r"3\.5e4|35,?000|35000", text)


@pytest.mark.parametrize(
    ("grey", "said"),
    [
        (254.0, "another picture: 250 of 255 grey levels"),
        (255.0, "another picture: 255 of 255 grey levels"),
        (255.1, "another picture: more than 255 grey levels"),
        (310.0, "another picture: more than 255 grey levels"),
        (0.001, "another picture: under 0.01 of 255 grey levels"),
    ],
)
def test_sizes_in_words(grey: float, said: str) -> None:
    """Up to 255 the number is said."""
    assert said == size_words("another image", grey)


def apart(*pairs: tuple[str, str], verdict: str = "drifted") -> list[dict[str, object]]:
    """Cells of one claim by case and layer."""
    return [cell(verdict, case=case, layer=layer) for case, layer in pairs]


def test_one_cause_is_told_once(tmp_path: Path) -> None:
    """An update that differs on five inputs, and with it five whole runs, is one thing to look at: the update, and how often besides."""
    cases = [f"karras-{steps}" for steps in (7, 10, 12, 15, 20)]
    said = table(tmp_path, *apart(*((case, layer) for case in cases for layer in ("trajectory", "update"))))
    assert re.search(rf"^{NAME} · layer update · case karras-\d+ · profile cpu: DRIFTED$", said, re.MULTILINE)
    assert "besides       the same in 9 more: update 4, trajectory 5" in said
    assert said.count("DRIFTED") == 1


def test_what_no_part_explains_is_told_apart(tmp_path: Path) -> None:
    """A whole run that differs where no part of it does, and one of another verdict, are things of their own, in all reports."""
    cells = apart(("karras-20", "update"), ("karras-20", "trajectory"), ("karras-10", "trajectory"))
    cells += apart(("karras-20", "schedule"), verdict="stale")
    said = table(tmp_path, *cells)
    assert "3 to look at in 4 cells, worst first:" in said
    assert said.count("the same in 1 more: trajectory 1") == 1
    run = read_run(tmp_path / "run.jsonl")
    rows = [line for line in to_markdown(run).splitlines() if line.startswith("| ✗ drifted")]
    assert [("update", "2"), ("trajectory", "1")] == sorted(
        ((row.split("|")[2].split(":")[1], row.split("|")[3].strip()) for row in rows), reverse=True
    )
    assert f"{NAME}:update:karras-20" in to_annotations(run, tmp_path)


def test_of_many_causes_ten_are_told(tmp_path: Path) -> None:
    """Eleven claims that differ are counted, and the first ten of them shown."""
    cells = [records.cell(f"{NAME}@{letter}", "karras-20", "update", verdict="drifted") for letter in "abcdefghijk"]
    said = table(tmp_path, *cells)
    assert "11 to look at in 11 cells, worst first, the first ten:" in said
    assert said.count("\n  drifted: ") == 10


def test_the_command_that_repeats_can_be_copied(tmp_path: Path) -> None:
    """It stands as code, letter by letter, where it is a command of trueto; anything else is text without markup or mention."""
    asked = "trueto gate diffusers --claim 'k_diffusion/euler@flow' --layer update --case karras-20"
    for said, shown in (
        (asked, f"Repeat the worst one: `{asked}`\n"),
        ("trueto gate @everybody `x`", "Repeat the worst one: trueto gate @\u200beverybody \\`x\\`\n"),
    ):
        found = cell("drifted")
        table(tmp_path, {**found, "evidence": {**found["evidence"], "command": said}})
        assert shown in to_markdown(read_run(tmp_path / "run.jsonl"))
