"""SARIF, badge, annotations and job summary of a run record: their shape, their limits, and names that mean harm."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import records
from support import BASE, trueto

from trueto.errors import UsageError
from trueto.events import read_run
from trueto.model import Verdict
from trueto.reports import SUMMARY_ROOM, render, summary_room, to_annotations, to_badge, to_markdown, to_sarif
from trueto.reports.github import MOST_ANNOTATIONS, command
from trueto.reports.place import place_of
from trueto.reports.sarif import MOST_RESULTS

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
PLACE = {
    "type": "object",
    "required": ["physicalLocation"],
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation", "region"],
            "properties": {
                "artifactLocation": {"type": "object", "required": ["uri"], "properties": {"uri": {"type": "string", "pattern": "^[^/ ]"}}},
                "region": {"type": "object", "required": ["startLine"], "properties": {"startLine": {"type": "integer", "minimum": 1}}},
            },
        }
    },
}
RESULT = {
    "type": "object",
    "required": ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
    "properties": {
        "level": {"enum": ["error", "warning"]},
        "message": TEXT,
        "locations": {"type": "array", "minItems": 1, "maxItems": 1, "items": PLACE},
        "occurrenceCount": {"type": "integer", "minimum": 1},
    },
}
SARIF = {  # what SARIF 2.1.0 and code scanning ask for, of what is written here
    "type": "object",
    "required": ["$schema", "version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results", "invocations"],
                "properties": {"results": {"type": "array", "maxItems": MOST_RESULTS, "items": RESULT}},
            },
        },
    },
}
EVIL = "x\n::set-output name=a::b\r\n::error::%0A| <img src=x> ::stop-commands::t\u2028::add-mask::y"


def run(folder: Path, lines=None, **options: object):
    """A synthetic run, read back."""
    return read_run(records.write(folder / "run.jsonl", lines or records.events(**options)))


def drifted(**changes):
    """One cell that differs."""
    return records.cell("k_diffusion/heun", "karras-20", "update", verdict="drifted", reason="It differs.") | changes


def end(lines):
    """A footer for them."""
    return [*lines, {"event": "end", "finished": "2026-11-23T10:15:48Z", "counts": {}, "exit_code": 1}]


@pytest.mark.parametrize("hostile", [False, True])
def test_sarif_has_what_code_scanning_asks_for(tmp_path, hostile):
    """Every required field is there, a rule for each result, and a fingerprint of its own."""
    log = json.loads(to_sarif(run(tmp_path, hostile=hostile)))
    jsonschema.validate(log, SARIF)
    (one,) = log["runs"]
    rules = [rule["id"] for rule in one["tool"]["driver"]["rules"]]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in one["results"])
    prints = [result["partialFingerprints"]["primaryLocationLineHash"] for result in one["results"]]
    assert len(prints) == len(set(prints)) > 5


def test_sarif_holds_what_is_bad_or_unknown_and_nothing_else(tmp_path):
    """Errors are drifted, stale and broken, warnings unjudged and disputed; together they stand for every such cell."""
    record = run(tmp_path)
    results = json.loads(to_sarif(record))["runs"][0]["results"]
    for level, verdicts in (("error", [v for v in Verdict if v.bad]), ("warning", [v for v in Verdict if v.unknown])):
        assert sum(record.counts[v] for v in verdicts) == sum(r["occurrenceCount"] for r in results if r["level"] == level)


def test_sarif_leaves_out_what_is_not_shown_and_says_so(tmp_path):
    """More than 5000 results are cut to the worst, with a notification."""
    lines = end([records.header(), *(drifted(claim=f"k_diffusion/heun@{n}") for n in range(MOST_RESULTS + 3))])
    (one,) = json.loads(to_sarif(run(tmp_path, lines)))["runs"]
    assert MOST_RESULTS == len(one["results"])
    assert "3 more results were left out" in [note["message"]["text"] for note in one["invocations"][0]["toolExecutionNotifications"]]


@pytest.mark.parametrize("lines", [[records.header()], [records.header(), drifted()], end([records.header()])])
def test_sarif_of_nothing_or_of_a_part_is_no_success(tmp_path, lines):
    """A run without cells or without its end is not a successful execution, whatever its results."""
    assert json.loads(to_sarif(run(tmp_path, lines)))["runs"][0]["invocations"][0]["executionSuccessful"] is False


def test_sarif_hides_no_link(tmp_path):
    """A reason in the form of a Markdown link does not become one."""
    text = to_sarif(run(tmp_path, end([records.header(), drifted(reason="[see](http://evil.example)")])))
    assert "](" not in text


BADGES = [
    (("faithful", "identical"), "2 claims, all the same", "brightgreen", False),
    (("faithful", "declared"), "2 judged, 1 as declared", "green", False),
    (("declared", "unjudged"), "1 of 2 not judged", "lightgrey", True),
    (("unjudged", "drifted"), "1 of 2 differ", "red", True),
]


@pytest.mark.parametrize(("verdicts", "message", "colour", "error"), BADGES)
def test_badge_says_the_worst(tmp_path, verdicts, message, colour, error):
    """Red where something differs, grey where something is unknown, green only where all was judged."""
    cells = [records.cell(f"k_diffusion/heun@{n}", "model-7", "update", verdict=v) for n, v in enumerate(verdicts)]
    badge = json.loads(to_badge(run(tmp_path, end([records.header(), *cells]))))
    assert {"schemaVersion": 1, "label": "true to the original", "message": message, "color": colour, "isError": error} == badge


@pytest.mark.parametrize("lines", [[records.header(), records.cell("k_diffusion/euler", "model-7", "update")], end([records.header()])])
def test_badge_of_a_part_or_of_nothing_is_grey(tmp_path, lines):
    """A run without its end, or without a cell, never gives a green badge."""
    assert ("lightgrey", True) == tuple(json.loads(to_badge(run(tmp_path, lines)))[key] for key in ("color", "isError"))


def test_annotations_are_ten_at_most_and_say_that_there_are_more(tmp_path):
    """Of thirty claims that differ nine are shown, and the tenth line counts the others."""
    lines = end([records.header(), *(drifted(claim=f"k_diffusion/heun@{n}") for n in range(30))])
    said = to_annotations(run(tmp_path, lines), tmp_path).splitlines()
    assert (MOST_ANNOTATIONS, "::error title=trueto::21 more claims: see the job summary") == (len(said), said[-1])


def test_ten_that_differ_are_ten_annotations(tmp_path):
    """None of ten makes room for a line that would count it."""
    lines = end([records.header(), *(drifted(claim=f"k_diffusion/heun@{n}") for n in range(10))])
    said = to_annotations(run(tmp_path, lines), tmp_path).splitlines()
    assert (MOST_ANNOTATIONS, False) == (len(said), any("more claim" in line for line in said))


def test_what_a_candidate_says_is_no_command(tmp_path):
    """Each line is one annotation of ours: no line break, no second command, no property of the candidate's."""
    hostile = drifted(claim=EVIL, case=EVIL, profile=EVIL, reason=EVIL)
    for line in to_annotations(run(tmp_path, end([records.header(), hostile])), tmp_path).split("\n")[:-1]:
        head, _, message = line.removeprefix("::").partition("::")
        assert re.fullmatch(r"(error|warning|notice) title=[^:,\n]*", head), line
        assert not set(message) & {"\r", "\n", "\u2028"}
    said = command("error", "a%0Ab\nc", file="a:b,c.py")
    assert "::error file=a%3Ab%2Cc.py::a%250Ab c" == said


def test_a_place_is_inside_the_project(tmp_path):
    """Code in the project is pointed at, also where its installed copy ran; what lies outside, or is a link out, is not."""
    root = tmp_path / "project"
    (root / "src" / "mylib").mkdir(parents=True)
    for name in ("src/mylib/samplers.py", "adapter.py"):
        (root / name).write_text("")
    (tmp_path / "outside.py").write_text("")
    (root / "link.py").symlink_to(tmp_path / "outside.py")

    def place(source, command=""):
        return place_of({"evidence": {"candidate_source": source, "command": command}}, root)

    assert ("src/mylib/samplers.py", 12) == place(f"{root}/src/mylib/samplers.py:12")
    assert ("src/mylib/samplers.py", 12) == place("/opt/lib/python3.11/site-packages/mylib/samplers.py:12")
    assert ("adapter.py", 1) == place("", "trueto gate ./adapter.py --claim x")
    for bad in (
        "../outside.py:3",
        f"{tmp_path}/outside.py:3",
        "link.py:3",
        "gone.py:3",
        "adapter.py:x",
        "\x00:1",
        "adapter.py:99999999999",
    ):
        assert place(bad) is None, bad
    assert place("", "trueto gate '") is None


def test_summary_stays_below_its_limit_and_says_what_is_missing(tmp_path):
    """Thousands of hostile rows are cut, worst first kept, every fold closed, and the rest counted."""
    cells = [drifted(claim=f"k_diffusion/heun@{n}-{'<&|' * 60}", reason="<" * 240) for n in range(2500)]
    worst = records.cell("k_diffusion/dpm_2", "model-7", "trajectory", verdict="broken", reason="The worst.")
    text = to_markdown(run(tmp_path, end([records.header(), *cells, worst])), room=SUMMARY_ROOM, most=None)
    assert 0.9 * SUMMARY_ROOM < len(text.encode()) <= SUMMARY_ROOM
    assert text.index("The worst.") < text.index("heun")
    assert text.count("<details>") == text.count("</details>")
    rows = sum(line.startswith("| ✗ drifted") for line in text.splitlines())
    assert f"Left out here, for length: {2500 - rows:,} more rows" in text
    assert text.rstrip().endswith("gate failed")


def test_summary_of_a_small_run_leaves_nothing_out(tmp_path):
    """What fits is there whole."""
    assert "Left out" not in to_markdown(run(tmp_path), room=SUMMARY_ROOM, most=None)


def test_a_full_summary_is_refused_before_anything_runs(tmp_path):
    """A file without room for a summary is a mistake of usage, and not a verdict."""
    full = tmp_path / "summary.md"
    full.write_bytes(b"x" * (SUMMARY_ROOM - 1000))
    with pytest.raises(UsageError, match="bytes already"):
        summary_room(full)
    done = trueto("gate", BASE, "--quick", "--summary", str(full), cwd=tmp_path)
    assert (4, SUMMARY_ROOM - 1000) == (done.returncode, full.stat().st_size)


@pytest.mark.parametrize("form", ["table", "sarif", "badge", "github"])
def test_exit_code_is_that_of_the_verdicts_whatever_is_printed(tmp_path, monkeypatch, form):
    """A drift ends with 1 in every format, with a summary added to what is there."""
    (tmp_path / "summary.md").write_text("before\n")
    drifts = str(Path(BASE).with_name("drifts.py"))
    one = ("--claim", "k_diffusion/euler@drifts", "--case", "model-2", "--layer", "trajectory", "--jobs", "1")
    done = trueto("gate", drifts, *one, "--format", form, "--summary", "summary.md", "--record", "run.jsonl", cwd=tmp_path)
    assert 1 == done.returncode, done.stdout + done.stderr
    assert re.match(r"before\n\*\*.*differs undeclared in 1", (tmp_path / "summary.md").read_text())
    monkeypatch.chdir(tmp_path)  # places are looked for in the folder that the gate ran in
    if form != "table":
        assert render(read_run(tmp_path / "run.jsonl"), form) == done.stdout.rstrip("\n")
