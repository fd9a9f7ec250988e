"""Another release of a library: its folder, its worker, and a ledger that does not bind it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from releasing import TOY, offline, shelf
from support import lines, trueto

from trueto.candidates import check_spec, is_file, ledger_path, parted, short_name
from trueto.errors import UnknownName, UsageError
from trueto.model import Verdict
from trueto.running.releases import selected


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """A folder to work in, and what pip is to see there."""
    folder = tmp_path_factory.mktemp("releases")
    return folder, offline(shelf(folder / "shelf"))


def gate(bench, version, *more):
    """Judge one release; the ended process and the events of its record."""
    folder, pip = bench
    record = folder / f"{version}.jsonl"
    done = trueto("gate", f"{TOY}=={version}", "--record", str(record), *more, cwd=folder, **pip)
    return done, lines(record) if record.is_file() else []


def test_a_release_may_follow_a_name_or_a_path():
    """Everything that is found by a candidate's name is found whatever release is asked for."""
    assert ("diffusers", "0.25.1") == parted("diffusers==0.25.1")
    assert ("diffusers", "") == parted("diffusers")
    assert ("toy", "diffusers") == (short_name(f"{TOY}==1.0"), short_name("diffusers==0.25.1"))
    assert is_file(f"{TOY}==1.0")
    assert ledger_path("diffusers") == ledger_path("diffusers==0.25.1") is not None
    with pytest.raises(UnknownName, match="did you mean 'diffusers'"):
        check_spec("difusers==0.25.1")


def test_without_its_environment_a_release_is_not_judged(bench):
    """The gate fetches nothing: it says what is missing and what to type."""
    done, events = gate(bench, "9.0")
    assert (4, []) == (done.returncode, events)
    assert "trueto-toy==9.0 missing" in done.stderr
    assert f"trueto env {TOY}==9.0" in done.stderr


@pytest.mark.slow
def test_an_environment_is_made_once_and_its_release_judged(bench):
    """Release and helper have a folder each; the second time nothing is installed; the release itself is what is judged."""
    folder, pip = bench
    first = trueto("env", f"{TOY}==1.1", cwd=folder, **pip)
    assert 0 == first.returncode, first.stderr
    assert ["installing trueto-toy==1.1", "installing trueto-toy-helper==1.0"] == first.stdout.splitlines()[:2]
    assert {"trueto-toy==1.1", "trueto-toy-helper==1.0"} == {path.name for path in (folder / ".trueto" / "environments").iterdir()}
    assert "installing" not in trueto("env", f"{TOY}==1.1", cwd=folder, PIP_NO_INDEX="1").stdout
    done, events = gate(bench, "1.1")
    cells = [event for event in events if event["event"] == "cell"]
    assert "1.1" == events[0]["version"]
    assert {"k_diffusion/euler"} == {cell["claim"] for cell in cells}
    assert {True} == {Verdict(cell["verdict"]).same for cell in cells}, done.stdout
    assert {("smooth",)} == {tuple(cell["evidence"]["ignored"]) for cell in cells}


def test_what_a_release_has_not_is_not_claimed(bench):
    """A class that came later is no failure of an earlier release: it is named under what is not claimed, with the reason."""
    folder, pip = bench
    trueto("env", f"{TOY}==1.1", cwd=folder, **pip)
    _, events = gate(bench, "1.1")
    reasons = {event["reference"]: event["reason"] for event in events if event["event"] == "no_claim"}
    assert "has no such class: Heun" == reasons["k_diffusion/heun"]
    assert {"k_diffusion/heun": "has no such class: Heun"} == events[0]["lacks"]


def test_what_a_release_has_not_is_said_to_somebody_who_asks_for_it(bench):
    """By name, with the reason: a claim that is lacking is no typing error."""
    folder, pip = bench
    trueto("env", f"{TOY}==1.1", cwd=folder, **pip)
    done = trueto("gate", f"{TOY}==1.1", "--claim", "k_diffusion/heun", cwd=folder)
    assert (5, True) == (done.returncode, "cannot be asked for k_diffusion/heun: it has no such class: Heun" in done.stderr), done.stderr


@pytest.mark.slow
def test_a_release_that_does_not_exist_names_the_nearest(bench):
    """A mistyped version, one that is no version, and a network that is not there each end in a sentence and the next thing to type."""
    folder, pip = bench
    typo = trueto("env", f"{TOY}==1.11", cwd=folder, **pip)
    assert (4, True) == (typo.returncode, "did you mean '1.1'?" in typo.stderr)
    odd = trueto("env", f"{TOY}==new", cwd=folder, **pip)
    assert (4, True) == (odd.returncode, "'new' is no version" in odd.stderr)
    alone = trueto("env", f"{TOY}==1.3", cwd=folder, PIP_NO_INDEX="1", PIP_CONFIG_FILE="/dev/null")
    assert (2, True) == (alone.returncode, "the package index cannot be reached" in alone.stderr)
    assert (4, True) == (trueto("env", str(TOY), cwd=folder).returncode, "names no release" in trueto("env", str(TOY), cwd=folder).stderr)
    assert not [path.name for path in (folder / ".trueto" / "environments").iterdir() if path.name.startswith(".building")]


@pytest.mark.slow
def test_a_ledger_of_another_release_explains_and_does_not_bind(bench):
    """What the ledger declares and an old release does not do is no fault; a difference that it does not explain is one."""
    folder, pip = bench
    ledger = folder / "deviations.toml"
    adapter = folder / "toy.py"
    adapter.write_text(TOY.read_text().replace("Path(__file__).parents[1]", f"Path({str(TOY.parents[1])!r})"))
    (folder / "releases.toml").write_text((TOY.parent / "releases.toml").read_text())
    ledger.write_text(
        'candidate = "toy"\n[[deviation]]\nreference = "k_diffusion/euler"\nlayers = ["trajectory"]\nvariant = "told=rounded"\n'
        'reason = "x"\nowner = "x"\nsince = "1"\n[[deviation]]\nreference = "k_diffusion/euler"\nlayers = ["update"]\n'
        'variant = "final_sigma=sigma_min"\nreason = "y"\nowner = "y"\nsince = "1"\n'
    )
    found = {}
    for version in ("1.1", "1.2"):
        assert 0 == trueto("env", f"{adapter}=={version}", cwd=folder, **pip).returncode
        record = folder / f"bound-{version}.jsonl"
        done = trueto("gate", f"{adapter}=={version}", "--layer", "update", "--record", str(record), cwd=folder, **pip)
        found[version] = (done.returncode, {event["verdict"] for event in lines(record) if event["event"] == "cell"})
    bound = folder / "bound.jsonl"
    trueto("gate", f"{adapter}==1.1", "--layer", "update", "--ledger", str(ledger), "--record", str(bound), cwd=folder, **pip)
    assert {"stale"} == {event["verdict"] for event in lines(bound) if event["event"] == "cell"}
    assert (0, True) == (found["1.1"][0], found["1.1"][1] <= {"identical", "faithful"})
    assert (1, {"drifted"}) == found["1.2"]


@pytest.mark.parametrize(
    ("line", "named"), [("version = 1", "version"), ("[released]\n'1.0' = '2024-02-13'", "without quotes"), ("versions = '0.2 <'", "0.2 <")]
)
def test_a_table_of_releases_with_a_mistake_is_an_error(tmp_path, line, named):
    """An unknown key, and what does not say which versions, are named."""
    adapter = tmp_path / "toy.py"
    adapter.write_text(TOY.read_text())
    (tmp_path / "releases.toml").write_text(f'distribution = "trueto-toy"\n[[release]]\n{line}\n')
    done = trueto("env", f"{adapter}==1.0", cwd=tmp_path, PIP_NO_INDEX="1")
    assert 4 == done.returncode
    assert named in done.stderr


def test_a_candidate_without_a_table_has_no_releases(tmp_path):
    """Whoever has not said what releases need is told so."""
    adapter = tmp_path / "toy.py"
    adapter.write_text(TOY.read_text())
    done = trueto("env", f"{adapter}==1.0", cwd=tmp_path)
    assert (4, True) == (done.returncode, "has no releases.toml" in done.stderr)


@pytest.mark.parametrize("named", ["", "toy.py"])
def test_the_nightly_workflow_sweeps_the_candidate_of_the_project(tmp_path, named):
    """Its step without a candidate takes that of [tool.trueto], as the gate does; one that is named it takes as it is."""
    flow = yaml.safe_load((Path(__file__).parents[1] / ".github" / "workflows" / "nightly.yml").read_text())
    (step,) = [step for step in flow["jobs"]["sweep"]["steps"] if step.get("name") == "Sweep"]
    (tmp_path / "toy.py").write_text(TOY.read_text())
    (tmp_path / "releases.toml").write_text((TOY.parent / "releases.toml").read_text())
    (tmp_path / "pyproject.toml").write_text("" if named else '[tool.trueto]\ncandidate = "toy.py"\n')
    (tmp_path / "trueto").write_text(f'#!/bin/sh\nexec {sys.executable} -m trueto "$@" --list\n')
    (tmp_path / "trueto").chmod(0o755)
    told = {"CANDIDATE": named, "VERSIONS": ">=1.2", "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    env = {**os.environ, **offline(shelf(tmp_path / "shelf")), **told}
    done = subprocess.run(["bash", "-ec", step["run"]], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (0, "4 releases of toy.py: 1.2, 1.3, 2.0, 2.1\n") == (done.returncode, done.stdout), done.stderr


def test_a_sweep_of_nothing_says_what_is_missing(tmp_path):
    """Without a candidate and without a project that names one."""
    done = trueto("sweep", cwd=tmp_path)
    assert (4, True) == (done.returncode, "no CANDIDATE is named" in done.stderr), done.stderr


def test_versions_are_chosen_as_pip_chooses_them():
    """A specifier picks versions in order; what is none is an error."""
    assert ["0.20.2", "0.25.1"] == selected(["0.9.0", "0.20.2", "0.25.1", "0.30.0"], ">=0.20,<0.30")
    with pytest.raises(UsageError, match="does not say which versions"):
        selected([], "newest")
