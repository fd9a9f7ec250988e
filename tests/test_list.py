"""`trueto list`: everything by default, narrowed by a name."""

import json

import pytest

from trueto import cli
from trueto.fixtures.networks import NETWORKS, PARAMETERIZATIONS
from trueto.fixtures.schedules import schedule_names
from trueto.references import reference, reference_names, sampler_names


def listed(monkeypatch, capsys, *arguments):
    """The rows of a list."""
    monkeypatch.setattr("sys.argv", ["trueto", "list", *arguments, "--json"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert 0 == ended.value.code
    return json.loads(capsys.readouterr().out)


def test_references_are_narrowed(monkeypatch, capsys):
    """All, those of a codebase, one, or those of a glob."""
    names = {
        asked: [row["name"] for row in listed(monkeypatch, capsys, "references", asked)] for asked in ("*", "edm", "*/heun", "edm/heun")
    }
    assert list(reference_names()) == names["*"] == [row["name"] for row in listed(monkeypatch, capsys, "references")]
    assert [name for name in reference_names() if name.startswith("edm/")] == names["edm"]
    assert [name for name in reference_names() if name.endswith("/heun")] == names["*/heun"]
    assert ["edm/heun"] == names["edm/heun"]


def test_cases_profiles_and_candidates_are_narrowed(monkeypatch, capsys):
    """The same of the other lists."""
    assert {"edm/euler", "edm/heun", "edm/ablation"} == {row["reference"] for row in listed(monkeypatch, capsys, "cases", "edm")}
    assert [case.id for case in reference("edm/heun").cases] == [row["case"] for row in listed(monkeypatch, capsys, "cases", "edm/heun")]
    assert ["cuda"] == [row["name"] for row in listed(monkeypatch, capsys, "profiles", "cuda")]
    assert ["diffusers"] == [row["name"] for row in listed(monkeypatch, capsys, "candidates", "diffusers")]


def test_fixtures_name_all_that_a_case_can_ask_for(monkeypatch, capsys):
    """Networks and their forms, what they predict, every schedule, and every grid with the codebases that walk it."""
    rows = listed(monkeypatch, capsys, "fixtures")
    words = {family: [row["member"] for row in rows if row["family"] == family] for family in {row["family"] for row in rows}}
    assert [*NETWORKS, "conditional form", "learned variance"] == [text.partition(":")[0] for text in words["networks"]]
    assert list(PARAMETERIZATIONS) == [text.partition(":")[0] for text in words["parameterizations"]]
    assert set(schedule_names()) == {name for text in words["schedules"] for name in text.partition(":")[0].split(", ")}
    grids = {text.partition(":")[0]: text for text in words["grids"]}
    assert {case.grid for name in sampler_names() for case in reference(name).cases} == set(grids)
    assert "Karras et al. 2022" in grids["karras"]
    assert "logarithms of the noise levels are evenly spaced; in cases of k_diffusion" in grids["exponential"]
    assert [row for row in rows if row["family"] == "grids"] == listed(monkeypatch, capsys, "fixtures", "grids")
    assert [row for row in rows if row["family"] == "noise"] == listed(monkeypatch, capsys, "fixtures", "noise")
