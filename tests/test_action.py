"""`trueto ci`: a whole gate in a job, what GitHub is told, and the comment that is made of an untrusted artifact."""

import json
import os
import re
from pathlib import Path

import pytest
import records
from click.testing import CliRunner
from pull_request import ADAPTER, DRIFT, SAMPLERS, opened
from support import trueto

from trueto.action import make_comment, run_gate
from trueto.action.guard import LABEL, look
from trueto.action.inputs import read_inputs
from trueto.cli.ci_command import comment
from trueto.errors import DataError, UsageError
from trueto.settings import data_root

LEDGER = """candidate = "trueto_adapter"

[[deviation]]
reference = "k_diffusion/euler"
layers = ["update", "trajectory"]
band = [1.0, 1e9]
reason = "Because it is so."
owner = "me"
since = "1.0"
"""


def ran(env):
    """`trueto ci gate` with that environment: exit code, what the log shows, the outputs."""
    said = []
    base = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    code = run_gate({**base, "TRUETO_ROOT": str(data_root()), **env}, said.append)
    outputs = re.findall(r"^([a-z-]+)<<(\w+)\n(.*)\n\2$", Path(env["GITHUB_OUTPUT"]).read_text(), re.MULTILINE)
    return code, "\n".join(said), {name: value for name, _, value in outputs}


def test_a_request_that_changes_nothing_of_y_is_green(tmp_path):
    """A refactoring passes, with a summary, all files, and outputs."""
    root = tmp_path / "repo"
    code, log, outputs = ran(opened(root, {"mylib/samplers.py": SAMPLERS.replace("for i in", "for i  in")}))
    assert 0 == code, log
    assert ("passed", "0", "trueto-report", "trueto-report/badge.json") == tuple(
        outputs[name] for name in ("verdict", "exit-code", "report", "badge")
    )
    assert {"faithful", "identical"} >= set(json.loads(outputs["counts"]))
    assert "computes what the original computes" in (tmp_path / "summary.md").read_text()
    assert "brightgreen" == json.loads((root / outputs["badge"]).read_text())["color"]
    there = {path.name for path in (root / "trueto-report").iterdir()}
    assert {"run.jsonl", "run.json", "junit.xml", "trueto.sarif", "comment.md", "summary.md", "result.json", "site"} <= there


def test_a_drift_is_red_on_its_line_though_the_request_declares_it(tmp_path):
    """A drift with a ledger entry in the same request: judged by the old ledger, annotated in the code, and `proposed` besides."""
    root = tmp_path / "repo"
    code, log, outputs = ran(opened(root, {"mylib/samplers.py": DRIFT, "deviations.toml": LEDGER}))
    assert (1, "failed") == (code, outputs["verdict"]), log
    assert LEDGER == (root / "deviations.toml").read_text()
    cells = [json.loads(line) for line in (root / "trueto-report" / "run.jsonl").read_text().splitlines()]
    assert "drifted" in {cell.get("verdict") for cell in cells}
    assert re.search(r"^::error file=mylib/samplers.py,line=4,title=drifted%3A ", log, re.MULTILINE), log
    assert re.search(
        r"^::error title=trueto::proposed, and red until approved: deviations.toml \(trueto-approved-\w{32}\)", log, re.MULTILINE
    )
    assert (tmp_path / "summary.md").read_text().startswith("> [!CAUTION]\n> **proposed**")


def test_a_declaration_is_green_when_it_is_approved(tmp_path):
    """The same request with the label of its own digest is judged by its own ledger."""
    changes = {"mylib/samplers.py": DRIFT, "deviations.toml": LEDGER}
    digest = look(read_inputs(opened(tmp_path / "one", changes))).digest
    code, log, outputs = ran(opened(tmp_path / "two", changes, labels=(LABEL + digest,)))
    assert (0, "passed") == (code, outputs["verdict"]), log
    assert {"declared, unexplained"} <= set(json.loads(outputs["counts"]))


def test_a_faithful_request_with_new_settings_is_proposed(tmp_path):
    """Where all is the same and only settings change, the word is `proposed`, and the code 1, also with fail-on none."""
    env = opened(tmp_path / "repo", {"trueto_adapter.py": ADAPTER + "\n"}) | {"TRUETO_CI_FAIL_ON": "none"}
    code, log, outputs = ran(env)
    assert (1, "proposed") == (code, outputs["verdict"]), log


LOUD = """

import os, sys
print("::error::mine\\n::set-output name=verdict::passed\\n::add-path::/tmp")
sys.stderr.write("::warning::mine\\n")
os.write(1, b"::set-env name=X::y\\n")
for name in os.environ:
    if name.startswith(("GITHUB_", "ACTIONS_")) or "TOKEN" in name.split("_"):
        raise RuntimeError(name)
"""


def test_what_a_library_prints_is_no_command(tmp_path):
    """Whatever the library writes stays between the two stop marks, of a word that it cannot know; nothing of GitHub's reaches it."""
    changes = {"mylib/samplers.py": SAMPLERS + LOUD}
    env = opened(tmp_path / "repo", changes) | {"GITHUB_TOKEN": "t", "ACTIONS_RUNTIME_TOKEN": "t", "MY_TOKEN": "t"}
    code, log, _ = ran(env)
    assert 0 == code, log
    lines = log.splitlines()
    token = lines[0].removeprefix("::stop-commands::")
    rest = lines[lines.index(f"::{token}::") + 1 :]
    assert (32, 1) == (len(token), lines.count(f"::{token}::"))
    assert not [line for line in rest if line.startswith("::") and not line.startswith("::notice title=trueto::")]


@pytest.mark.parametrize(
    ("adapter", "code", "words"),
    [("def (:", 2, "SyntaxError"), (ADAPTER.replace("k_diffusion/euler", "k_diffusion/eular"), 2, "did you mean")],
)
def test_an_adapter_that_cannot_be_used_is_said(tmp_path, adapter, code, words):
    """A syntax error and a claim on an unknown original end with their message in log, summary and result, and never green."""
    env = opened(tmp_path / "repo", {}, base={"trueto_adapter.py": adapter})
    found, log, outputs = ran(env)
    assert (code, "") == (found, outputs["badge"]), log
    assert words in log
    assert words in (tmp_path / "summary.md").read_text()
    assert code == json.loads((tmp_path / "repo" / "trueto-report" / "result.json").read_text())["exit_code"]


def test_a_mistake_of_the_workflow_is_an_annotation(tmp_path):
    """What cannot be used is an error on the job's page, with what to write, and exit code 4."""
    said = trueto("ci", "gate", cwd=tmp_path, GITHUB_EVENT_NAME="pull_request_target", GITHUB_WORKSPACE=str(tmp_path))
    assert (4, True) == (said.returncode, said.stdout.startswith("::error title=trueto::trueto does not run on pull_request_target")), said


# In the place of Python: a gate that is killed in the middle of a line of its record, and one that ends well without any.
KILLED = """#!/bin/sh
for word; do case $word in --record=*) printf '{"event": "run", "sch' > "${word#--record=}";; esac; done
kill -9 $$
"""


@pytest.mark.parametrize(("script", "words"), [(KILLED, "ended by signal 9"), ("#!/bin/sh\n", "left no record")])
def test_a_gate_without_a_record_is_an_error_with_its_files(tmp_path, monkeypatch, script, words):
    """Annotation, summary and result are there however the gate ends, the comment says that nothing was judged, and nothing is green."""
    env = opened(tmp_path / "repo", {"x": ""})
    (tmp_path / "python").write_text(script)
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    code, log, outputs = ran(env)
    out = tmp_path / "repo" / "trueto-report"
    result = json.loads((out / "result.json").read_text())
    assert (3, "error", 3, "error") == (code, outputs["verdict"], result["exit_code"], result["verdict"]), log
    assert re.search(r"^::error title=trueto::error: ", log, re.MULTILINE), log
    assert words in log
    assert "**trueto: error (exit code 3).**" in (tmp_path / "summary.md").read_text()
    assert 7 == make_comment(out, result["head"], tmp_path / "comment.md")
    assert "could not judge this request" in (tmp_path / "comment.md").read_text()


def test_a_baseline_of_something_else_is_said_everywhere(tmp_path):
    """What cannot be compared is `not judged` with code 2, though the request is `proposed` too, and its comment says both."""
    root = tmp_path / "repo"
    env = opened(root, {"deviations.toml": LEDGER}) | {"TRUETO_CI_BASELINE": "base.jsonl"}
    records.write(root / "base.jsonl", records.events())
    code, log, outputs = ran(env)
    result = json.loads((root / "trueto-report" / "result.json").read_text())
    assert (2, "2", "not judged") == (code, outputs["exit-code"], outputs["verdict"]), log
    assert (2, "not judged") == (result["exit_code"], result["verdict"])
    assert "proposed, and red until approved" in log
    assert 7 == make_comment(root / "trueto-report", result["head"], tmp_path / "comment.md")
    text = (tmp_path / "comment.md").read_text()
    assert "**proposed**" in text
    assert "could not judge this request" in text


def test_a_baseline_in_the_output_folder_is_refused(tmp_path):
    """What a request commits as a report is thrown away, and a baseline among it is a mistake that is said before."""
    env = opened(tmp_path / "repo", {"trueto-report/run.jsonl": "{}"}) | {"TRUETO_CI_BASELINE": "trueto-report/run.jsonl"}
    said = []
    with pytest.raises(UsageError, match="lies in the output folder"):
        run_gate(env, said.append)
    assert said[-1].startswith("::error title=trueto::the baseline")


def test_no_folder_with_other_things_is_emptied(tmp_path):
    """The library itself, given as the output folder by mistake, is still there afterwards."""
    env = opened(tmp_path / "repo", {}) | {"TRUETO_CI_OUTPUT": "mylib"}
    with pytest.raises(UsageError, match="other things than reports"):
        run_gate(env, [].append)
    assert SAMPLERS == (tmp_path / "repo" / "mylib" / "samplers.py").read_text()


def test_a_comment_is_made_of_the_record_alone(tmp_path):
    """Hostile names come out as text, and what the artifact itself calls a comment is not used."""
    folder = records.artifact(tmp_path / "artifact", proposed=[records.HOSTILE], digest="0" * 32)
    (folder / "comment.md").write_text("@everybody <img src=x>")
    assert 7 == make_comment(folder, records.HEAD, tmp_path / "comment.md")
    text = (tmp_path / "comment.md").read_text()
    assert text.startswith("<!-- trueto -->\n> [!CAUTION]\n> **proposed**")
    assert all(part not in text for part in ("@everybody", "<script", "<img", "@octocat", "://evil"))
    assert len(text) < 65_536


def test_a_gate_that_was_told_so_leaves_the_request_without_a_comment(tmp_path):
    """With `comment: false` the job writes none, and the second workflow makes none of what it keeps."""
    env = opened(tmp_path / "repo", {}) | {"TRUETO_CI_QUICK": "true", "TRUETO_CI_COMMENT": "false"}
    ran(env)
    out = tmp_path / "repo" / "trueto-report"
    assert not (out / "comment.md").exists()
    assert json.loads((out / "result.json").read_text())["comment"] is False
    folder = records.artifact(tmp_path / "artifact", comment=False)
    assert make_comment(folder, records.HEAD, tmp_path / "comment.md") is None
    said = CliRunner().invoke(comment, [str(folder), "--head", records.HEAD, "--output", str(tmp_path / "comment.md")])
    assert (0, "") == (said.exit_code, said.output)
    assert not (tmp_path / "comment.md").exists()


WRONG = [
    {"head": "b" * 40},
    {"head": "a"},
    {"number": "7; rm"},
    {"number": True},
    {"number": -1},
    {"schema": 2},
    {"proposed": "x"},
    {"proposed": [1]},
    {"digest": "x" * 32},
    {"digest": "0" * 16},
    {"approved": "yes"},
    {"comment": "no"},
]


@pytest.mark.parametrize("changes", WRONG)
def test_an_artifact_of_something_else_is_refused(tmp_path, changes):
    """Another commit, or fields that `trueto ci gate` never writes, make no comment."""
    with pytest.raises(DataError):
        make_comment(records.artifact(tmp_path / "artifact", **changes), records.HEAD, tmp_path / "comment.md")
    assert not (tmp_path / "comment.md").exists()


def test_an_artifact_with_links_or_nonsense_is_refused(tmp_path):
    """A link, a folder, no JSON or an unknown verdict make no comment, and a head that is no commit none either."""
    folder = records.artifact(tmp_path / "artifact")
    (folder / "run.jsonl").unlink()
    (folder / "run.jsonl").symlink_to("/etc/passwd")
    bad = [folder]
    for name, spoil in (
        ("json", lambda one: (one / "result.json").write_text("[" * 100_000)),
        ("words", lambda one: records.write(one / "run.jsonl", [records.header(), records.cell("a/b", "c", "update", verdict="fine")])),
    ):
        bad.append(records.artifact(tmp_path / name))
        spoil(bad[-1])
    for one in bad:
        with pytest.raises(DataError):
            make_comment(one, records.HEAD, tmp_path / "comment.md")
    with pytest.raises(UsageError):
        make_comment(records.artifact(tmp_path / "fine"), "main", tmp_path / "comment.md")


def test_an_incomplete_run_is_said_in_the_comment(tmp_path):
    """A run without its end, and a job without a run, are told, and look like no pass."""
    make_comment(records.artifact(tmp_path / "artifact", recorded=records.events(complete=False)), records.HEAD, tmp_path / "comment.md")
    assert "did not finish" in (tmp_path / "comment.md").read_text()
    record = tmp_path / "artifact" / "run.jsonl"
    whole = record.read_bytes()
    for there in (whole[:-7], b"", None):
        record.unlink() if there is None else record.write_bytes(there)
        make_comment(tmp_path / "artifact", records.HEAD, tmp_path / "comment.md")
        assert "could not judge this request" in (tmp_path / "comment.md").read_text()
        (tmp_path / "comment.md").unlink()
