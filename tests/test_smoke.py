"""`trueto smoke`: what is wrong with an adapter is said in seconds, with the next thing to type."""

import time
from pathlib import Path

import pytest
from support import BASE, HOSTILE

from trueto import cli
from trueto.candidates import load_candidate
from trueto.references import reference
from trueto.running.smoke import _effort

EXAMPLES = Path(__file__).parent.parent / "examples"


def smoke(monkeypatch, capsys, *arguments):
    """Exit code, output and errors of `trueto smoke ...`."""
    monkeypatch.setattr("sys.argv", ["trueto", "smoke", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    said = capsys.readouterr()
    return caught.value.code, said.out, said.err


def adapter(folder, old="", new=""):
    """A copy of the faithful port with one change."""
    text = Path(BASE).read_text()
    assert old in text
    path = folder / "adapter.py"
    path.write_text(text.replace(old, new, 1))
    return path


def test_adapter_that_works(monkeypatch, capsys):
    """Every claim runs one case, and the next command is named, within ten seconds."""
    began = time.monotonic()
    code, out, _ = smoke(monkeypatch, capsys, BASE)
    assert (0, True) == (code, "2 of 2 claims run · next: trueto gate" in out), out
    assert "✓ k_diffusion/dpmpp_2m  model-20: 20 network calls" in out
    assert time.monotonic() - began < 30  # 10 on a machine of its own (benchmarks); this one is shared


def test_syntax_error(tmp_path, monkeypatch, capsys):
    """A syntax error is said with its line, and what to do next."""
    path = adapter(tmp_path, "def euler(", "def euler((")
    code, _, err = smoke(monkeypatch, capsys, path)
    assert 2 == code
    assert "SyntaxError" in err
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if "def euler((" in text)
    assert f"try: correct {path}:{line}, then trueto smoke {path}" in err


def test_exception_while_it_is_read(monkeypatch, capsys):
    """An adapter that raises is said with its own words and line."""
    code, _, err = smoke(monkeypatch, capsys, HOSTILE / "raises_at_import.py")
    assert (2, True, True) == (code, "RuntimeError: the adapter is broken" in err, "raises_at_import.py:3, then" in err), err


def test_unknown_reference(tmp_path, monkeypatch, capsys):
    """A claim on a reference that does not exist is said with the nearest one; the other claims are tried."""
    path = adapter(tmp_path, 'ADAPTER = Port("base", [(claim("k_diffusion/euler")', 'ADAPTER = Port("base", [(claim("k_diffusion/eular")')
    code, out, _ = smoke(monkeypatch, capsys, path)
    assert 1 == code
    assert "unknown reference 'k_diffusion/eular'; did you mean 'k_diffusion/euler'?\n    try: trueto list references" in out
    assert "1 of 2 claims run" in out


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"karras": {}}', '"karas": {}}', ""),
        ('{"grids": {"model": {}, "karras": {}}', '{"grids": {"karas": {}}', "covers no case: it names grids karas"),
        ("slope = (x", "slope = nothing + (x", "raises NameError: name 'nothing' is not defined (adapter.py:"),
        ("sample=sample + shift", "sample=sample[:1]", "returns a sample of shape (1, 4, 4, 3)"),
        ("    sample = sampler(", "    while True: pass\n    sample = sampler(", "time-out"),
    ],
)
def test_claim_that_does_not_run(tmp_path, monkeypatch, capsys, old, new, words):
    """A claim that covers nothing, raises, hangs or returns something else is said with what repeats it."""
    path = adapter(tmp_path, old, new)
    code, out, _ = smoke(monkeypatch, capsys, path)
    assert ((1 if words else 0), True) == (code, words in out), out
    assert not words or "    try: trueto " in out


def test_program_in_another_language(monkeypatch, capsys):
    """A program is looked at alike."""
    code, out, _ = smoke(monkeypatch, capsys, EXAMPLES / "perl" / "euler.toml")
    assert (0, True) == (code, "1 of 1 claims run" in out), out


def test_candidate_of_the_project(tmp_path, monkeypatch, capsys):
    """Without a candidate the one of [tool.trueto] is taken, from any folder of the project; without that the error says so."""
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    code, _, err = smoke(monkeypatch, capsys)
    assert (4, True) == (code, "no CANDIDATE is named" in err), err
    (tmp_path / "pyproject.toml").write_text(f'[tool.trueto]\ncandidate = "{BASE}"\n')
    assert 0 == smoke(monkeypatch, capsys)[0]
    (tmp_path / "pyproject.toml").write_text('[tool.trueto]\ncandidat = "x.py"\n')
    code, _, err = smoke(monkeypatch, capsys)
    assert (4, True) == (code, "unknown key in [tool.trueto]" in err and "did you mean 'candidate'" in err), err


def test_time_that_is_over_is_not_green(monkeypatch, capsys):
    """Claims that were not tried are counted, and the exit code says so."""
    code, out, _ = smoke(monkeypatch, capsys, BASE, "--seconds", "0")
    assert (2, True) == (code, "0 of 2 claims run, 2 not tried in 0 s" in out), out


def test_what_is_quick_is_tried_first():
    """All samplers of diffusers before any network; networks that have to be compiled are among the last, as they have no quick case."""
    claims = sorted(load_candidate("diffusers").claims, key=_effort)
    of_outputs = [reference(claim.reference).of_outputs for claim in claims]
    assert sorted(of_outputs) == of_outputs
    assert [_effort(claim) for claim in claims if claim.reference == "features/compiled_networks"] == [(True, True)] * 2
