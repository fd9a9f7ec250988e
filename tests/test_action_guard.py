"""On a pull request settings are those of the merge base: what the request changes of them is proposed, and red until approved."""

import pytest
from pull_request import ADAPTER, DRIFT, FILES, git, opened, put

from trueto.action.guard import LABEL, look
from trueto.action.inputs import inside, read_inputs
from trueto.errors import DataError, UsageError

ENTRY = """
[[deviation]]
reference = "k_diffusion/euler"
layers = ["*"]
band = [0.1, 1e9]
reason = "Because."
owner = "me"
since = "1.0"
"""
LEDGER = FILES["deviations.toml"] + ENTRY
OTHER_TABLE = '[tool.trueto]\ncandidate = "other.py"\n'


def seen(env):
    """What the guard finds."""
    return look(read_inputs(env))


def test_code_alone_proposes_nothing(tmp_path):
    """A request that changes the library only is judged as it is; that main has moved on is not its doing."""
    guard = seen(opened(tmp_path / "repo", {"mylib/samplers.py": DRIFT, "README.md": "trueto"}))
    assert ("trueto_adapter.py", (), False) == (guard.spec, guard.proposed, guard.red)


WEAKENED = [
    ({"deviations.toml": LEDGER}, ("deviations.toml",)),
    ({"deviations.toml": None}, ("deviations.toml",)),
    ({"trueto_adapter.py": ADAPTER.replace("euler", "heun")}, ("trueto_adapter.py",)),
    ({"trueto_adapter.py": None}, ("trueto_adapter.py",)),
    ({"kept.toml": ""}, ("kept.toml",)),
    ({"pyproject.toml": OTHER_TABLE, "other.py": ADAPTER}, ("[tool.trueto] of pyproject.toml", "other.py")),
    ({"pyproject.toml": "[project]\n"}, ("[tool.trueto] of pyproject.toml",)),
    ({".github/workflows/trueto.yml": None}, (".github/workflows/trueto.yml",)),
    ({".github/workflows/more.yml": "run: trueto ci gate"}, (".github/workflows/more.yml",)),
]


@pytest.mark.parametrize(("changes", "proposed"), WEAKENED)
def test_what_decides_the_judgement_is_proposed(tmp_path, changes, proposed):
    """Ledger, adapter, kept cases, the table of pyproject.toml and workflows: changed, added or taken away, each is named and red."""
    guard = seen(opened(tmp_path / "repo", changes))
    assert (proposed, True, "trueto_adapter.py") == (guard.proposed, guard.red, guard.spec)


@pytest.mark.parametrize(
    "changes", [{"deviations.toml": LEDGER}, {"deviations.toml": None}, {"trueto_adapter.py": None}, {"kept.toml": "x"}]
)
def test_the_merge_base_is_put_back_for_the_judgement_only(tmp_path, changes):
    """While it is judged the files are those of the merge base; afterwards they are the request's again, byte for byte."""
    root = tmp_path / "repo"
    guard = seen(opened(root, changes))
    (name,) = changes

    def there():
        return (root / name).read_text() if (root / name).exists() else None

    def judge():
        with guard.put_back():
            assert FILES.get(name) == there()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        judge()
    assert changes[name] == there()


def test_a_label_approves_just_what_it_names(tmp_path):
    """With its digest in a label the request's own files count; another push, with another content, is red again."""
    digest = seen(opened(tmp_path / "one", {"deviations.toml": LEDGER})).digest
    labels = (LABEL + digest,)
    approved = seen(opened(tmp_path / "two", {"deviations.toml": LEDGER}, labels=labels))
    assert (False, {}) == (approved.red, approved.then)
    pushed = seen(opened(tmp_path / "three", {"deviations.toml": LEDGER + "# more\n"}, labels=labels))
    assert (True, ["deviations.toml"]) == (pushed.red, list(pushed.then))


def test_a_digest_is_of_contents_whatever_a_file_is_called(tmp_path):
    """A file named like a table is told by its content, an empty file is not a missing one, and the label has room for the digest."""
    table = '[tool.trueto]\ncandidate = "[x]/adapter.py"\n'
    base = {"pyproject.toml": table, "[x]/adapter.py": ADAPTER, "[x]/kept.toml": "x"}
    changes = [{"[x]/adapter.py": ADAPTER + "# 1\n"}, {"[x]/adapter.py": ADAPTER + "# 2\n"}, {"[x]/kept.toml": ""}, {"[x]/kept.toml": None}]
    guards = [seen(opened(tmp_path / str(number), change, base=base)) for number, change in enumerate(changes)]
    assert [tuple(change) for change in changes] == [guard.proposed for guard in guards]
    assert len(changes) == len({guard.digest for guard in guards})
    assert {32} == {len(guard.digest) for guard in guards}
    assert len(LABEL + guards[0].digest) <= 50  # of a label on GitHub


def test_a_first_adapter_is_proposed_too(tmp_path):
    """A request that brings trueto to a library is judged with its own settings, and red until approved."""
    changes = {name: FILES[name] for name in ("trueto_adapter.py", "deviations.toml", "pyproject.toml")}
    guard = seen(opened(tmp_path / "repo", changes, base={**dict.fromkeys(changes), "x": ""}))
    assert ("trueto_adapter.py", True, {}) == (guard.spec, guard.red, guard.then)


def test_helpers_of_the_adapter_can_be_protected(tmp_path):
    """A file that the workflow names as protected is taken from the merge base as the adapter is."""
    env = opened(tmp_path / "repo", {"mylib/samplers.py": DRIFT}) | {"TRUETO_CI_PROTECTED": "mylib/samplers.py"}
    assert ("mylib/samplers.py",) == seen(env).proposed


def test_a_baseline_of_ones_own_is_proposed(tmp_path):
    """A baseline that the request commits is its own word; one that the workflow has restored is not in git."""
    env = opened(tmp_path / "repo", {"base.jsonl": "{}"}) | {"TRUETO_CI_BASELINE": "base.jsonl"}
    assert ("base.jsonl",) == seen(env).proposed
    env = opened(tmp_path / "other", {"x": ""}) | {"TRUETO_CI_BASELINE": "base.jsonl"}
    put(tmp_path / "other", {"base.jsonl": "{}"})
    assert () == seen(env).proposed


def test_without_the_merge_base_nothing_is_judged(tmp_path):
    """A shallow checkout is an error with the line to write, exit code 2, and never green."""
    env = opened(tmp_path / "repo", {"deviations.toml": LEDGER})
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{tmp_path}/repo", "shallow")
    with pytest.raises(DataError, match="merge base") as caught:
        seen(env | {"GITHUB_WORKSPACE": str(tmp_path / "shallow"), "GITHUB_SHA": "0" * 40})
    assert (2, True) == (caught.value.exit_code, "fetch-depth" in caught.value.hint)


def test_a_merge_of_ones_own_is_no_merge_commit_of_github(tmp_path):
    """Where the head itself is checked out, its first parent is the request's own; the merge base of the event counts."""
    root = tmp_path / "repo"
    env = opened(root, {"deviations.toml": LEDGER})
    git(root, "switch", "-q", "request")
    git(root, "merge", "-q", "--no-ff", "-m", "mine", git(root, "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "x"))
    guard = seen(env | {"GITHUB_REF": "refs/heads/request", "GITHUB_SHA": git(root, "rev-parse", "HEAD")})
    assert ("deviations.toml",) == guard.proposed


def test_a_push_has_nothing_to_propose(tmp_path):
    """Outside a pull request the settings are those of the checkout."""
    env = opened(tmp_path / "repo", {"deviations.toml": LEDGER}) | {"GITHUB_EVENT_NAME": "push"}
    assert () == seen(env).proposed


@pytest.mark.parametrize("name", ["../x.py", "/etc/x.py", "a/../../x.py", "link/x.py", "link.py", "a\0.py", "."])
def test_a_path_that_leads_out_is_refused(tmp_path, name):
    """No path leaves the workspace, also not through a link."""
    (tmp_path / "out").mkdir()
    root = tmp_path / "repo"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "out")
    (root / "link.py").symlink_to("nowhere.py")
    with pytest.raises(UsageError):
        inside(root, name, "candidate")


def test_a_link_in_the_place_of_a_setting_is_refused(tmp_path):
    """A ledger that the request makes a link is neither read nor written through."""
    root = tmp_path / "repo"
    env = opened(root, {"x": ""})
    (root / "deviations.toml").unlink()
    (root / "deviations.toml").symlink_to("/etc/passwd")
    with pytest.raises(UsageError, match="symbolic link"):
        seen(env)


@pytest.mark.parametrize("event", ["pull_request_target", "workflow_run", "issue_comment"])
def test_events_with_a_token_are_refused(tmp_path, event):
    """Where a token may write, nothing of a stranger's is run."""
    with pytest.raises(UsageError, match=event):
        read_inputs({"GITHUB_EVENT_NAME": event, "GITHUB_WORKSPACE": str(tmp_path)})


@pytest.mark.parametrize("event", ["", "[]", "{}", '{"pull_request": {"base": {"sha": "main"}, "head": {"sha": "x"}}}', "nothing"])
def test_an_event_without_commits_is_refused(tmp_path, event):
    """What the event does not say is never guessed."""
    (tmp_path / "event.json").write_text(event)
    env = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_WORKSPACE": str(tmp_path), "GITHUB_EVENT_PATH": str(tmp_path / "event.json")}
    with pytest.raises(UsageError, match="no pull request"):
        read_inputs(env)


@pytest.mark.parametrize(
    ("name", "value"),
    [("FAIL_ON", "never"), ("QUICK", "yes"), ("CANDIDATE", "--help"), ("CANDIDATE", "a b"), ("OUTPUT", "../x"), ("PROTECTED", "/x")],
)
def test_inputs_that_mean_something_else_are_refused(tmp_path, name, value):
    """Each input is checked before anything runs."""
    with pytest.raises(UsageError):
        read_inputs({"GITHUB_WORKSPACE": str(tmp_path), f"TRUETO_CI_{name}": value})


def test_no_value_becomes_an_option(tmp_path):
    """Lists are split, and each value stays the value of its option."""
    given = read_inputs({"GITHUB_WORKSPACE": str(tmp_path), "TRUETO_CI_REFERENCES": "a/*, --ledger=x\n b/c", "TRUETO_CI_FAIL_ON": "any"})
    assert ["--reference=a/*", "--reference=--ledger=x", "--reference=b/c", "--fail-on=any"] == given.arguments()
