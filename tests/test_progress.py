"""What a gate shows while it runs, what repeats it, and that no failure of trueto itself looks like a verdict."""

import os
import pty
import subprocess
import sys

import pytest
from support import BASE, HOSTILE, lines, trueto

from trueto import cli
from trueto.plugin import GateSession
from trueto.settings import data_root


def test_a_gate_says_what_it_judges_and_how_far_it_is(tmp_path):
    """The first line names the library, its release and the cells; every fifty cells a line follows, and the table comes after them."""
    done = trueto("gate", BASE, "--record", "r.jsonl", cwd=tmp_path)
    said = done.stdout.splitlines()
    cells = len([event for event in lines(tmp_path / "r.jsonl") if event["event"] == "cell"])
    assert said[0].startswith("trueto "), done.stdout
    assert f"base 1.0 · torch {lines(tmp_path / 'r.jsonl')[0]['environment']['torch']}" in said[0]
    assert f"{cells} cells" in said[0]
    assert [f"judged {number}/{cells}" for number in (*range(50, cells, 50), cells)] == [
        line for line in said if line.startswith("judged ")
    ]
    assert said.index(f"judged {cells}/{cells}") < next(number for number, line in enumerate(said) if "schedule" in line)


def test_a_terminal_shows_a_bar(tmp_path):
    """On a terminal there is a bar with the number of cells, and it is gone in the end."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "trueto", "gate", BASE, "--case", "model-2", "--jobs", "1"]
    environment = {**os.environ, "TRUETO_ROOT": str(data_root()), "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=theirs, stderr=subprocess.STDOUT)
    os.close(theirs)
    said = b""
    try:
        while chunk := os.read(ours, 1 << 16):
            said += chunk
    except OSError:  # how a terminal ends
        pass
    finally:
        os.close(ours)
    assert 0 == process.wait(timeout=60), said.decode()
    assert "judging" in said.decode()
    assert "judged " not in said.decode()


def test_what_repeats_a_cell_names_the_ledger_that_was_given(tmp_path):
    """With another ledger than its own a library is judged otherwise, so the commands name it; they do not where none was given."""
    (tmp_path / "its own.toml").write_text('candidate = "drifts"\n')
    asked = ("gate", str(HOSTILE / "drifts.py"), "--case", "model-2", "--layer", "trajectory", "--jobs", "1", "--record", "r.jsonl")
    trueto(*asked, "--ledger", "its own.toml", cwd=tmp_path)
    evidence = next(event for event in lines(tmp_path / "r.jsonl") if event["event"] == "cell")["evidence"]
    assert evidence["command"].endswith(" --ledger 'its own.toml'")
    assert evidence["explain"].endswith(" --ledger 'its own.toml'")
    trueto(*asked, cwd=tmp_path)
    evidence = next(event for event in lines(tmp_path / "r.jsonl") if event["event"] == "cell")["evidence"]
    assert "--ledger" not in evidence["command"] + evidence["explain"]


def test_a_record_never_lies_there_without_its_header(tmp_path):
    """An interrupt while the header is made leaves no file, or the older record as it was."""

    class Interrupted:
        def header(self, run_id):
            raise KeyboardInterrupt(run_id)

    for record, before in ((tmp_path / "new.jsonl", None), (tmp_path / "old.jsonl", "an older record\n")):
        if before is not None:
            record.write_text(before)
        with pytest.raises(KeyboardInterrupt):
            GateSession(Interrupted(), record, "undeclared", None).begin()
        assert before == (record.read_text() if record.exists() else None)


def test_a_failure_of_trueto_itself_is_exit_code_3(monkeypatch, capsys):
    """An exception that nobody foresaw is shown whole, and never looks like an undeclared difference (1)."""

    def fails():
        raise RuntimeError("what nobody foresaw")

    monkeypatch.setattr("trueto.running.profiles.profile_names", fails)
    monkeypatch.setattr("sys.argv", ["trueto", "list", "profiles"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert 3 == ended.value.code
    assert "Traceback" in said
    assert "trueto itself failed: RuntimeError: what nobody foresaw" in said
