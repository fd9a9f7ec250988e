"""The control arm: specs and a published original beside a candidate tell a change of the environment from one of the library."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support import lines, trueto

from trueto.environment import describe
from trueto.events import RunRecord
from trueto.history import Release, environments, read_history, said_of_control, stood_on, with_header, write_release
from trueto.reports import history_page
from trueto.running import certify, control_arm
from trueto.running.circumstances import environment
from trueto.running.control import original

SAME = {"arm": "trueto's specs", "checks": 320, "same": 320, "apart": [], "absent": ""}
MOVED = {"arm": "trueto's specs", "checks": 320, "same": 318, "apart": ["a:update:b", "a:trajectory:b"], "absent": ""}
ABSENT = {"arm": "k_diffusion==1", "checks": 0, "same": 0, "apart": [], "absent": "trueto env k_diffusion==1"}


def release(version, control, **stands_on):
    """A release that ran in an environment."""
    return Release("toy", version, {"environment": {"torch": "2.13", **stands_on}, "control": control, "version": version}, (), {})


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        ([SAME, {**SAME, "arm": "k_diffusion==1"}], "is the library's doing, not the environment's"),
        ([SAME, ABSENT], "not run (trueto env k_diffusion==1). So what differs is the library's doing"),
        ([MOVED, SAME], "not a:update:b, a:trajectory:b"),
        ([MOVED, SAME], "the environment itself moves these, and a difference in them may be its doing; elsewhere it is the library's"),
        ([ABSENT], "may be the environment's doing"),
        ([], "No control was run beside it"),
    ],
)
def test_what_follows_from_a_control_is_said(arms, words):
    """Never that the library moved where nothing was there to tell it from the environment."""
    assert words in said_of_control(arms)


def test_a_change_of_environment_is_told_where_it_is():
    """Only where something that can move a number is other than for the release before, with what the control says there."""
    history = [
        release("1.0", [SAME], numpy="1.26"),
        release("1.1", [SAME], numpy="1.26", cpus="64"),
        release("2.0", [MOVED], numpy="2.4"),
    ]
    (first, _), (second, said) = environments(history)
    assert ("1.0", "2.0") == (first, second)
    assert said.startswith("numpy 2.4 instead of 1.26. trueto's specs: the same in 318 of 320 checks")


def test_what_a_record_did_not_name_is_no_change():
    """Records of an older trueto name fewer packages: the first that names one more says nothing, the next that has another of it does."""
    history = [
        release("1.0", [SAME], numpy="2.4"),
        release("1.1", [SAME], numpy="2.4", pillow="12", tokenizers="not installed"),
        release("1.2", [SAME], numpy="2.4"),
        release("1.3", [SAME], numpy="2.4", pillow="13", tokenizers="0.23"),
    ]
    first, (last, said) = environments(history)
    assert (("1.0", "torch 2.13, numpy 2.4"), "1.3") == ((first[0], first[1].partition(". ")[0]), last)
    assert said.startswith("pillow 13 instead of 12, tokenizers 0.23 instead of not installed. ")


def test_records_and_dvc_name_the_same_packages():
    """What makes DVC judge again is what a record stands on, pictures and prompts included; the candidate itself is not part of it."""
    described, stood = describe()["packages"], environment()
    assert {"torch", "numpy", "pillow", "transformers", "tokenizers"} <= set(described)
    assert {name: version or "not installed" for name, version in described.items()} == {name: stood[name] for name in described}
    assert {"python", "os", "cpu", *described} == set(stood_on({"environment": stood}))
    assert {"transformers"} == set(stood) - set(environment("transformers"))


def test_the_arm_of_specs_sees_what_moves(monkeypatch):
    """All the same here; where a spec is no longer what certified it, its layer and case are named."""
    found = control_arm.of_specs(["k_diffusion/euler"])
    assert (found.checks, ()) == (found.same, found.apart)
    assert found.checks
    real = certify.observe_spec

    def moved(ref, case, net):
        seen = real(ref, case, net)
        return replace(seen, native=replace(seen.native, sample=seen.native.sample + 1e-3))

    monkeypatch.setattr(certify, "observe_spec", moved)
    found = control_arm.of_specs(["k_diffusion/euler"])
    assert any(name.startswith("k_diffusion/euler:trajectory:") for name in found.apart)


def test_an_original_that_is_not_there_is_no_agreement(monkeypatch, tmp_path):
    """It says what to type."""
    monkeypatch.setenv("TRUETO_ENVIRONMENTS", str(tmp_path))
    found = control_arm.of_original(original(), ["default"])
    assert (0, f"trueto env {original()}") == (found.checks, found.absent)


def test_what_a_release_stands_on_is_its_own(monkeypatch, tmp_path):
    """The numpy beside a release, and not that of the harness."""
    for name in ("diffusers==0.25.1", "huggingface_hub==0.25.2", "numpy==1.26.4"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("TRUETO_ENVIRONMENTS", str(tmp_path))
    here, there = environment(), environment("diffusers==0.25.1")
    assert ("1.26.4", here["torch"]) == (there["numpy"], there["torch"])
    assert here["numpy"] != there["numpy"]


def test_a_control_is_added_to_a_record_as_it_stands(tmp_path):
    """The cells of the record stay as they are, and the page of the releases has what it says."""
    header = {"id": "1", "started": "2026", "candidate": "toy", "version": "1.0", "environment": {"torch": "2.13"}, "selection": {}}
    path = write_release(tmp_path, RunRecord(Path(), header, [], [], []), goldens="1", unjudged="cannot be imported: no")
    before = path.read_text().splitlines()
    with_header(path, control=[MOVED])
    after = path.read_text().splitlines()
    assert before[1:] == after[1:]
    assert {**json.loads(before[0]), "control": [MOVED]} == json.loads(after[0])
    assert "the same in 318 of 320 checks" in history_page(read_history(tmp_path))


@pytest.mark.slow
def test_a_gate_may_run_its_control(tmp_path):
    """`--control` puts it into the header of the record, and the report shows it."""
    record = tmp_path / "run.jsonl"
    asked = ("--reference", "k_diffusion/euler", "--layer", "start", "--quick", "--control")
    done = trueto("gate", "diffusers", *asked, "--record", str(record), cwd=tmp_path)
    assert 0 == done.returncode, done.stderr
    specs, published = lines(record)[0]["control"]
    assert (specs["checks"], []) == (specs["same"], specs["apart"])
    assert published["absent"] == f"trueto env {original()}" or published["checks"] == published["same"]
    done = trueto("report", str(record), "--output", "out", cwd=tmp_path)
    assert 0 == done.returncode, done.stderr
    assert "The environment, or the library?" in (tmp_path / "out" / "index.html").read_text()
