"""The certificate in the report: beside each verdict where it is of the same library, and nowhere else."""

import json

import pytest
import records

from trueto.errors import DataError
from trueto.power import Certificate, write_certificate
from trueto.reports import write_site

NOTE = "sample differs: 9 steps <b>"


@pytest.fixture
def site(tmp_path):
    """Write a site beside a certificate of one claim; returns its pages by name."""

    def write(**changes):
        lines = records.events()
        header = {name: lines[0][name] for name in ("candidate", "version", "trueto", "suite")}
        header = {**header, "seed": 0, "faults": 3, "equivalence": 5, **changes}
        claim = min(line["claim"] for line in lines if line["event"] == "cell" and line["claim"].startswith("k_diffusion/"))
        fault = {"id": "a", "module": "m", "function": "Made.step", "line": 7, "operator": "sign", "what": "the sign is flipped"}
        faults = [
            {**fault, "outcome": "killed", "layer": "update", "cpu_seconds": 0.1},
            {**fault, "id": "b", "outcome": "survived", "note": NOTE, "cpu_seconds": 0.1},
            {**fault, "id": "c", "outcome": "equivalent", "cpu_seconds": 0.1},
        ]
        write_certificate(tmp_path / "out" / "power.json", Certificate(header, {claim: {"faults": faults}}))
        write_site(records.write(tmp_path / "run.jsonl", lines), tmp_path / "out")
        book = json.loads((tmp_path / "out" / "claims" / "pages.json").read_text())["claims"]
        return {
            "claim": (tmp_path / "out" / book[claim]["page"]).read_text(),
            "other": "".join((tmp_path / "out" / entry["page"]).read_text() for name, entry in book.items() if name != claim),
            "matrix": (tmp_path / "out" / "matrix.md").read_text(),
        }

    return write


def test_a_claim_says_what_its_checks_see(site):
    """The claim's page names the counts and each survivor with function, line and operator; the matrix has a column."""
    pages = site()
    assert "1 of 2 seeded faults are seen" in pages["claim"]
    assert all(words in pages["claim"] for words in ("Made.step", "line 7", "sign", "9 steps &lt;b&gt;"))
    assert "<b>" not in pages["claim"]
    assert "| 1 of 2 |" in pages["matrix"]


def test_a_claim_that_was_not_measured_says_so(site):
    """Claims without an entry show no figure, and the matrix says that they were not measured."""
    pages = site()
    assert "seeded fault" not in pages["other"]
    assert "not measured |" in pages["matrix"]


def test_a_certificate_of_another_version_is_not_shown(site):
    """What was measured on another version of the library says nothing about this one."""
    pages = site(version="0.0.0")
    assert "seeded fault" not in pages["claim"] + pages["matrix"]


def test_a_damaged_certificate_is_told(site, tmp_path):
    """A certificate that cannot be read is an error with what to type, not a report without it."""
    site()
    (tmp_path / "out" / "power.json").write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        write_site(tmp_path / "run.jsonl", tmp_path / "out")


def test_power_and_false_alarms_stand_in_the_report(site, tmp_path):
    """Index and matrix say both figures with their commands; counts of another version are not shown, damaged ones are told."""
    site()
    header = records.events()[0]
    counts = {name: header[name] for name in ("candidate", "version")} | {"alarms": 2, "cells": 12345, "claims": 3, "of_claims": 4}
    path = tmp_path / "out" / "false_alarms.json"
    for version, shown in ((header["version"], True), ("0.0.0", False)):
        path.write_text(json.dumps({**counts, "version": version}))
        write_site(tmp_path / "run.jsonl", tmp_path / "out")
        for name in ("index.html", "matrix.md"):
            text = (tmp_path / "out" / name).read_text()
            assert shown == ("2 false alarms in 12,345 cells" in text)
            assert "Power: 1 of 2 seeded faults are seen" in text
            assert f"trueto power {header['candidate']} --faults 3 --seed 0 --equivalence 5" in text
            assert shown == ("over 3 of 4 claims" in text)
    path.write_text("{}")
    with pytest.raises(DataError, match="no count of false alarms"):
        write_site(tmp_path / "run.jsonl", tmp_path / "out")
