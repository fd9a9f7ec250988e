"""The action and the workflows: pinned, without text of strangers in their scripts, and with the inputs that the program reads."""

import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from trueto.action.comment import MARK
from trueto.action.inputs import INPUTS, PREFIX
from trueto.cli.ci_command import gate
from trueto.cli.init_command import WORKFLOW

ROOT = Path(__file__).parents[1]
FILES = {
    "action.yml": (ROOT / "action.yml").read_text(),
    **{path.name: path.read_text() for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))},
    **{f"examples/{path.parents[2].name}": path.read_text() for path in sorted(ROOT.glob("examples/*/.github/workflows/*.yml"))},
    "trueto init": WORKFLOW,
}
OURS = "OWNER/trueto@COMMIT"  # where it is used, nobody can say before it is published


def steps(name):
    """All steps of an action or a workflow."""
    data = yaml.safe_load(FILES[name])
    jobs = data["jobs"].values() if "jobs" in data else [data["runs"]]
    return [step for job in jobs for step in job.get("steps", [])]


@pytest.mark.parametrize("name", FILES)
def test_actions_are_pinned_by_commit(name):
    """Nothing is used by a tag that can be moved, and each commit has its version beside it."""
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"]) for step in steps(name) if step.get("uses", OURS) != OURS)
    used = [line for line in FILES[name].splitlines() if "uses: " in line and not line.startswith("#") and OURS not in line]
    assert all(re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line) for line in used)


@pytest.mark.parametrize("name", FILES)
def test_no_expression_is_pasted_into_a_script(name):
    """What a stranger may have named reaches a script through its environment only."""
    scripts = [step["run"] for step in steps(name) if "run" in step]
    assert scripts
    assert not [script for script in scripts if "${{" in script]


@pytest.mark.parametrize("name", [name for name in FILES if name != "action.yml"])
def test_the_token_can_read(name):
    """Each workflow gives its token nothing by default, or reading; none runs on pull_request_target, and no checkout keeps the token."""
    data = yaml.safe_load(FILES[name])
    assert data["permissions"] in ({}, {"contents": "read"})
    assert "pull_request_target" not in FILES[name]
    assert all(step["with"]["persist-credentials"] is False for step in steps(name) if step.get("uses", "").startswith("actions/checkout"))


def test_only_the_comment_may_write_and_it_checks_nothing_out():
    """The one job with a token that writes runs nothing of the request."""
    writing = {name for name in FILES if ": write" in FILES[name]}
    assert {"comment.yml"} == writing
    assert not [step for step in steps("comment.yml") if "checkout" in step.get("uses", "")]


def test_the_comment_is_found_again_by_its_mark():
    """What `trueto ci comment` writes first is what the workflow looks for."""
    assert f'startswith("{MARK.strip()}")' in FILES["comment.yml"]


@pytest.mark.parametrize("name", ["action.yml", "gate.yml"])
def test_each_input_reaches_the_program(name):
    """Inputs are those that the program reads, and each is handed over under its own name."""
    data = yaml.safe_load(FILES[name])
    inputs = data["inputs"] if name == "action.yml" else data[True]["workflow_call"]["inputs"]
    handed = next(step["env"] for step in steps(name) if step.get("run") == "trueto ci gate")
    wanted = {PREFIX + one.upper().replace("-", "_"): f"${{{{ inputs.{one} }}}}" for one in inputs if one in INPUTS}
    assert wanted == handed
    assert set(inputs) - set(INPUTS) == ({"version"} if name == "action.yml" else {"version", "install", "python-version"})
    assert name != "action.yml" or set(INPUTS) <= set(inputs)


def test_help_and_docs_name_every_variable():
    """Each input has its variable in `trueto ci gate --help` and in docs/ci.md."""
    said = " ".join(CliRunner().invoke(gate, ["--help"]).output.split())
    docs = (ROOT / "docs" / "ci.md").read_text()
    for name in INPUTS:
        variable = "_" + name.upper().replace("-", "_")
        assert variable in said, name
        assert f"{variable}`" in docs, name


def test_the_outputs_of_the_action_are_written():
    """Every output is one that `trueto ci gate` writes."""
    written = set(re.findall(r'^        "([a-z-]+)": ', (ROOT / "src/trueto/action/gate.py").read_text(), re.MULTILINE))
    assert set(yaml.safe_load(FILES["action.yml"])["outputs"]) <= written


def test_the_readme_shows_ten_lines_that_are_as_strict():
    """The lines of the README are ten, pinned, and read only."""
    text = (ROOT / "README.md").read_text()
    block = re.search(r"```yaml\n(on: .*?)```", text, re.DOTALL)
    assert block
    lines = block.group(1).splitlines()
    data = yaml.safe_load(block.group(1))
    assert (10, {"contents": "read"}) == (len(lines), data["permissions"])
    used = [step for step in data["jobs"]["trueto"]["steps"] if "uses" in step]
    assert [WORKFLOW.partition("uses: ")[2].partition(" ")[0]] == [step["uses"] for step in used]
    assert {"persist-credentials": False, "fetch-depth": 0} == used[0]["with"]
