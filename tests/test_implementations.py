"""Every recorded library beside every original that it claims: as a page, as Markdown, as data, and from the site."""

import json
import re
from pathlib import Path

import pytest
import records
from support import trueto

from trueto.history import read_history
from trueto.model import Verdict
from trueto.reports import write_site
from trueto.reports.implementations import as_data, implementations_of, implementations_page, implementations_table

EULER = "k_diffusion/euler"
HEADER = {"event": "run", "schema": 1, "suite": "1.0", "started": "2026-01-01T00:00:00+00:00", "trueto": "0.1.0", "goldens": "x"}


def release(folder: Path, candidate: str, version: str, *cells: tuple[str, str, str, float | None], lacks: str = "") -> None:
    """A record of one release: its cells as (claim, layer, verdict, grey levels)."""
    events: list[dict[str, object]] = [{**HEADER, "id": version, "candidate": candidate, "version": version}]
    for claim, layer, verdict, grey in cells:
        cell = {
            "event": "cell",
            "reference": claim.partition("@")[0],
            "claim": claim,
            "layer": layer,
            "case": "karras-20",
            "verdict": verdict,
        }
        events.append({**cell, "ratio": 5000.0 * (grey or 0.0), "grey_levels": grey, "size": "visible" if grey else "none"})
    events += [{"event": "no_claim", "reference": lacks, "reason": "has no such class: Lost"}] if lacks else []
    events.append({"event": "end", "counts": {}})
    (folder / candidate).mkdir(parents=True, exist_ok=True)
    (folder / candidate / f"{version}.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))


@pytest.fixture
def histories(tmp_path: Path) -> Path:
    """Two libraries: one that never changed, and had a release that could not be judged, one that changed once."""
    folder = tmp_path / "history"
    for version in ("1.0", "1.1", "1.2", "1.10"):
        release(folder, "many", version, (EULER, "update", "identical", 0.0), lacks="k_diffusion/heun")
    release(folder, "two", "0.8", (EULER, "update", "drifted", 12.4), (f"{EULER}@other", "update", "identical", 0.0))
    release(folder, "two", "0.9", (EULER, "update", "drifted", 12.4), (f"{EULER}@other", "update", "identical", 0.0))
    release(folder, "two", "1.0", (EULER, "update", "declared", 0.05), ("k_diffusion/heun", "update", "broken", 0.0))
    release(folder, "many", "1.11")
    return folder


def test_what_changed_seldom_has_a_column_for_each_time_and_else_the_newest(histories: Path) -> None:
    """Columns are libraries by name; 1.10 is newer than 1.2; the worst claim of an original decides."""
    found = implementations_of(histories)
    assert [("many", "1.10"), ("two", "0.9"), ("two", "1.0")] == [(column.candidate, column.version) for column in found.columns]
    assert 2 == found.candidates
    euler = [view.verdict if view else None for view in found.rows[EULER]]
    assert [Verdict.IDENTICAL, Verdict.DRIFTED, Verdict.DECLARED] == euler
    assert [True, True, False] == [view is None for view in found.rows["k_diffusion/heun"]]


def test_the_table_shows_verdict_and_size(histories: Path) -> None:
    """A sign, and how many grey levels where something differs; what is not claimed is told from what is the same."""
    text = implementations_table(implementations_of(histories)).splitlines()
    assert "| k_diffusion/euler | ✓ | ✗ 12 | ≠ &lt; 0.1 |" in text
    assert "| k_diffusion/heun | · | · | ✗✗ no picture |" in text
    assert "| *the same* | 1 of 1 | 0 of 1 | 0 of 2 |" in text


def test_a_size_that_is_none_is_not_shown_as_a_number(tmp_path: Path) -> None:
    """More than a picture can differ by is said as that; what was not judged, or is no picture, has no number."""
    release(tmp_path, "far", "1.0", (EULER, "update", "drifted", 310.0))
    release(tmp_path, "unknown", "1.0", (EULER, "update", "unjudged", None))
    release(tmp_path, "words", "1.0", (EULER, "update", "drifted", None))
    assert "| k_diffusion/euler | ✗ &gt; 255 | ? not known | ✗ not measured |" in implementations_table(implementations_of(tmp_path))


def test_the_page_has_shapes_with_words_and_no_script(histories: Path) -> None:
    """Every sign has a text for those who listen; what a release lacks is said; nothing comes from the network."""
    page = implementations_page(implementations_of(histories))
    assert "2 libraries beside 2 originals" in page
    assert "many 1.10: has no such class: Lost" in page
    assert all(" aria-label=" in sign for sign in re.findall(r"<td[^>]*>(?:<a[^>]*>)?<svg[^>]*>", page))
    assert not re.findall(r"<script|https?://(?!www\.w3\.org)", page)
    assert {"many 1.10: identical"} <= set(re.findall(r'title="([^"]*)"', page))


def test_as_data_every_library_has_a_row_for_what_it_claims(histories: Path) -> None:
    """For other programs: verdict, claims, grey levels."""
    rows = as_data(implementations_of(histories))
    assert 4 == len(rows)
    first = next(row for row in rows if row["version"] == "0.9")
    assert ("drifted", [EULER, f"{EULER}@other"], 12.4) == (first["verdict"], first["claims"], first["grey_levels"])


def test_hostile_names_are_text_there_too(histories: Path) -> None:
    """A candidate's name can be anything."""
    release(histories, "evil", "1.0", (EULER, "update", "identical", 0.0))
    path = histories / "evil" / "1.0.jsonl"
    path.write_text(path.read_text().replace('"evil"', json.dumps("<img src=x>|`")))
    found = implementations_of(histories)
    assert "<img src=x" not in implementations_page(found)
    assert "<img" not in implementations_table(found)


def test_the_site_leads_to_it_where_there_is_more_than_one_library(histories: Path, tmp_path: Path) -> None:
    """With records of two libraries beside it the report has the page; with one, or none, it has not."""
    run = records.write(tmp_path / "run.jsonl", records.events())
    write_site(run, tmp_path)
    assert 'href="claims/implementations.html"' in (tmp_path / "index.html").read_text()
    assert 'href="../index.html"' in (tmp_path / "claims" / "implementations.html").read_text()
    write_site(run, tmp_path / "bare")
    assert "implementations.html" not in (tmp_path / "bare" / "index.html").read_text()
    assert not (tmp_path / "bare" / "claims" / "implementations.html").exists()


def test_the_command_prints_it_or_says_what_makes_it(histories: Path) -> None:
    """Markdown, or exit code 5 and the command that records something."""
    seen = trueto("matrix", "--history", str(histories), cwd=histories)
    assert (0, True) == (seen.returncode, seen.stdout.startswith("| original | many 1.10 |"))
    nothing = trueto("matrix", "--history", "none", cwd=histories)
    assert (5, True) == (nothing.returncode, "trueto sweep" in nothing.stderr)


def test_what_is_committed_is_whole() -> None:
    """Every record of this repository can be read, and the control arm is identical in it."""
    folder = Path(__file__).parents[1] / "reports" / "history"
    control = read_history(folder / "k_diffusion")[-1]
    assert {"identical"} == {cell["verdict"] for cell in control.cells}
    assert implementations_of(folder).candidates >= 2
