"""`trueto doctor`: what is wrong is said last, with what to type."""

import pytest
import support

from trueto import cli


def doctor(monkeypatch, capsys):
    """Exit code and lines of `trueto doctor`."""
    monkeypatch.setattr("sys.argv", ["trueto", "doctor"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code, capsys.readouterr().out.splitlines()


def test_nothing_is_wrong(monkeypatch, capsys):
    """A whole installation is well."""
    code, lines = doctor(monkeypatch, capsys)
    assert (0, "all well") == (code, lines[-1])
    assert not [line for line in lines if "✗" in line]


def test_problems_are_repeated_last(root, monkeypatch, capsys):
    """Each problem stands where it was found, and once more at the end, below how many there are."""
    for name, count in (("euler", "1 problem:"), ("heun", "2 problems:")):
        (root / f"references/k_diffusion/goldens/{name}.safetensors").unlink()
        support.forget()
        code, lines = doctor(monkeypatch, capsys)
        problems = lines[lines.index(count) + 1 :]
        assert 2 == code
        assert int(count.split()[0]) == len(problems)
        assert problems == [line for line in lines[: lines.index(count)] if "✗" in line]
        assert f"  ✗ k_diffusion/{name}: " in problems[-1]
        assert problems[-1].endswith("; type: dvc pull")
