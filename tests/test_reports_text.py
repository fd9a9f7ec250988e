"""JSON, Markdown and JUnit of a run record, and the numbers that DVC keeps."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import records

from trueto.errors import DataError, UnknownName
from trueto.events import CELL_FIELDS, RunRecord, read_run
from trueto.model import Verdict
from trueto.reports import FORMATS, render, to_json, to_junit, to_markdown, write_site
from trueto.reports.matrix import escape
from trueto.reports.words import number, times


def run(folder: Path, **options: object) -> RunRecord:
    """A synthetic run, read back."""
    return read_run(records.write(folder / "run.jsonl", records.events(**options)))


def test_json_has_a_header_and_one_record_a_cell(tmp_path: Path) -> None:
    """All cells come back with all their fields, and the header with its own."""
    document = json.loads(to_json(run(tmp_path, hostile=True)))
    assert (records.HOSTILE, True, 701) == (document["run"]["candidate"], document["complete"], len(document["cells"]))
    assert set(CELL_FIELDS) == set(document["cells"][0])


@pytest.mark.parametrize(
    ("event", "changes", "said"),
    [
        ("note", {"text": ...}, "lacks text"),
        ("note", {"text": 5}, "text is '5', expected a text"),
        ("no_claim", {"reason": ...}, "lacks reason"),
        ("no_claim", {"reference": ["a"]}, r"reference is \"\['a'\]\", expected a text"),
        ("cell", {"evidence": None}, "evidence is 'None', expected an object"),
        ("cell", {"evidence": []}, r"evidence is '\[\]', expected an object"),
        ("cell", {"layer": {}}, "layer is '{}', expected a text"),
        ("cell", {"verdict": None}, "verdict is 'None', expected a text"),
        ("note", {"event": ["note"]}, r"no known event: saw \['note'\]"),
    ],
)
def test_what_no_gate_writes_is_refused_on_reading(tmp_path: Path, event: str, changes: dict[str, object], said: str) -> None:
    """A line of another shape is named with its number, before any consumer meets it."""
    lines = records.events()
    number = next(number for number, line in enumerate(lines) if line["event"] == event)
    lines[number] = {name: value for name, value in {**lines[number], **changes}.items() if value is not ...}
    with pytest.raises(DataError, match=rf"run\.jsonl:{number + 1}\b.*{said}"):
        read_run(records.write(tmp_path / "run.jsonl", lines))


def test_a_line_that_is_nested_beyond_all_bounds_is_no_json(tmp_path: Path) -> None:
    """It is an error with its number, and no trouble of the reader."""
    path = records.write(tmp_path / "run.jsonl", records.events())
    path.write_text(path.read_text() + "[" * 200_000 + "\n")
    with pytest.raises(DataError, match="is not JSON"):
        read_run(path)


def test_junit_fails_exactly_on_what_is_bad(tmp_path: Path) -> None:
    """Failures are drifted, stale and broken; errors are unjudged and disputed; everything else passes."""
    record = run(tmp_path)
    tree = ElementTree.fromstring(to_junit(record))  # noqa: S314 - made a moment ago
    bad = sum(record.counts[v] for v in ("drifted", "stale", "broken"))
    unknown = sum(record.counts[v] for v in ("unjudged", "disputed"))
    assert (str(bad), str(unknown), "700") == (tree.get("failures"), tree.get("errors"), tree.get("tests"))
    assert bad == len(tree.findall("testsuite/testcase/failure"))
    said = [node.text or "" for node in tree.findall("testsuite/testcase/system-out")]
    assert record.counts["declared"] == sum(text.startswith("declared: ") for text in said)


def test_junit_is_valid_xml_whatever_a_candidate_says(tmp_path: Path) -> None:
    """Control characters, lone surrogates and `]]>` do not break the file."""
    tree = ElementTree.fromstring(to_junit(run(tmp_path, hostile=True)).encode("utf-8"))  # noqa: S314 - made a moment ago
    assert any("<script>" in (node.get("message") or "") for node in tree.iter("failure"))


def test_junit_of_an_incomplete_run_is_never_green(tmp_path: Path) -> None:
    """A run without its end has an error of its own, even where every cell is the same."""
    lines = [records.header(cells=9), records.cell("k_diffusion/euler", "karras-20", "update")]
    tree = ElementTree.fromstring(to_junit(read_run(records.write(tmp_path / "run.jsonl", lines))))  # noqa: S314 - made a moment ago
    assert ("0", "1") == (tree.get("failures"), tree.get("errors"))


def test_markdown_says_the_worst_first(tmp_path: Path) -> None:
    """The first lines name the broken and the drifted claims; the declared ones are folded."""
    text = to_markdown(run(tmp_path))
    opening = text.partition("<details>")[0]
    assert opening.index("k\\_diffusion/dpm\\_2:") < opening.index("k\\_diffusion/dpmpp\\_sde")
    assert "compvis/plms" not in opening
    assert text.count("<details>") == text.count("</details>") == 4


def test_markdown_mentions_nobody_and_loads_nothing(tmp_path: Path) -> None:
    """A hostile name becomes neither HTML, nor an image, a mention, a link, or a new table cell."""
    text = to_markdown(run(tmp_path, hostile=True))
    assert all(part not in text for part in ("<script", "![i](", "@octocat", "://evil", "#12"))
    widths = {line.replace("\\|", "").count("|") for line in text.splitlines() if line.startswith("| ✗ drifted")}
    assert {8} == widths


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_every_format_says_that_a_run_is_incomplete(tmp_path: Path, form: str) -> None:
    """An incomplete run is said in each output."""
    text = render(run(tmp_path, complete=False), form)
    assert '"complete": false' in text if form == "json" else "did not finish" in text


def test_an_unknown_format_suggests_a_known_one(tmp_path: Path) -> None:
    """A typing error names the nearest format."""
    with pytest.raises(UnknownName, match="did you mean 'markdown'"):
        render(run(tmp_path), "markdwon")


def test_escaping_leaves_one_line() -> None:
    """Line breaks of any kind become blanks."""
    assert "a b c d" == escape("a\nb\r\nc\u2028d")


def test_summary_counts_and_ratios(tmp_path: Path) -> None:
    """The metric holds all verdicts, log10 of the worst ratio, the worst verdict by layer, in an order that no outcome changes."""
    write_site(records.write(tmp_path / "run.jsonl", records.events()), tmp_path / "out")
    found = json.loads((tmp_path / "out/summary.json").read_text())
    assert [str(v) for v in Verdict if v is not Verdict.NO_CLAIM] == list(found["verdicts"])
    assert {"schedule": "stale", "start": "identical", "update": "drifted", "trajectory": "broken", "noise": "disputed"} == found["layers"]
    assert sorted(records.STORIES) == list(found["claims"])
    assert (0.0, -3.0) == tuple(found["claims"]["k_diffusion/euler"][k] for k in ("worst_ratio", "log10_worst_ratio"))
    assert 4.491 == found["claims"]["k_diffusion/dpmpp_2m"]["log10_ratio_to_original"]
    assert (tmp_path / "out/summary.json").stat().st_size < 8000


def test_drift_by_step_for_dvc(tmp_path: Path) -> None:
    """drift.csv has the worst case of each claim, every step once, with the columns that the plots name."""
    write_site(records.write(tmp_path / "run.jsonl", records.events(hostile=True)), tmp_path / "out")
    with (tmp_path / "out/drift.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert ["claim", "step", "ratio", "layer", "log10_ratio", "case"] == list(rows[0])
    heun = [row for row in rows if row["claim"] == "k_diffusion/heun"]
    assert [str(step) for step in range(1, len(heun) + 1)] == [row["step"] for row in heun]
    assert {"update"} == {row["layer"] for row in heun}
    assert max(float(row["ratio"]) for row in heun) > 100


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (0.083, "0.083"),
        (0.8, "0.80"),
        (0.996, "1.0"),
        (3.04, "3.0"),
        (12.4, "12"),
        (99.7, "100"),
        (480, "480"),
        (4321, "4300"),
        (2.1e5, "2.1e5"),
        (1.2e-7, "1.2e-7"),
        (float("nan"), "–"),
        (None, "–"),
    ],
)
def test_numbers_have_two_digits(value: float | None, said: str) -> None:
    """Numbers are said with two digits, small and large ones with a power of ten."""
    assert said == number(value)


def test_ratios_are_said_in_words() -> None:
    """A ratio reads as people say it."""
    assert ("0.80 times", "210,000 times", "2.1 × 10⁹ times", "under 0.01 times") == tuple(map(times, (0.8, 2.1e5, 2.1e9, 1e-9)))


def test_reports_import_nothing_heavy() -> None:
    """Making reports needs neither torch, pandas, matplotlib nor mlflow."""
    code = (
        "import sys, trueto.reports; print([m for m in ('torch', 'pandas', 'matplotlib', 'mlflow', 'trueto.trackers') if m in sys.modules])"
    )
    assert "[]" == subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
