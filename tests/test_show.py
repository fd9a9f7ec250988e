"""`trueto show`: where the original stands, and who claims it."""

import subprocess
import sys
from pathlib import Path

import pytest

import trueto.candidates
from trueto import cli
from trueto.candidates import claimants, load_candidate
from trueto.references import reference, reference_names

LIBRARIES = sorted(path.parent.name for path in Path(trueto.candidates.__file__).parent.glob("*/adapter.py"))


def shown(monkeypatch, capsys, name):
    """What `trueto show` prints of a reference."""
    monkeypatch.setattr("sys.argv", ["trueto", "show", name, "--no-spec"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert 0 == ended.value.code
    return " ".join(capsys.readouterr().out.split())


def test_who_claims_it(monkeypatch, capsys):
    """Each library that claims the reference is named with its own implementations, each once."""
    said = shown(monkeypatch, capsys, "k_diffusion/dpmpp_2m")
    assert "diffusers (DPMSolverMultistepScheduler, EDMDPMSolverMultistepScheduler), k_diffusion (sampling:sample_dpmpp_2m)" in said
    assert "claimed by: transformers (CLIPModel)" in shown(monkeypatch, capsys, "openai_clip/text")


def test_nobody_claims_it(monkeypatch, capsys):
    """Of a reference that no built-in candidate claims, that is said."""
    monkeypatch.setattr("trueto.candidates.claimants", lambda _: {})
    assert "claimed by: no library that trueto has an adapter for" in shown(monkeypatch, capsys, "k_diffusion/euler")


def test_the_line_of_the_original(monkeypatch, capsys):
    """The original's address ends in the line of its function."""
    origin = reference("k_diffusion/dpmpp_2m").origin
    assert f"original sample_dpmpp_2m in {origin['link']} licence" in shown(monkeypatch, capsys, "k_diffusion/dpmpp_2m")
    assert "#L" in origin["link"]


def test_claims_are_read_without_the_libraries():
    """Asking who claims a reference imports no candidate's library."""
    code = "import sys; from trueto.candidates import claimants; claimants('k_diffusion/dpmpp_2m'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", *LIBRARIES} & set(loaded)
    assert "trueto.candidates.diffusers.adapter" in loaded


def test_every_candidate_claims_something():
    """No built-in candidate is left out, and none is said to claim what it does not."""
    claimed = {(library, name) for name in reference_names() for library in claimants(name)}
    assert claimed == {(library, claim.reference) for library in LIBRARIES for claim in load_candidate(library).claims}
