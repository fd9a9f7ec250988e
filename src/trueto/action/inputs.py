"""What a workflow asks for: the inputs of action.yml, read from variables of the environment and checked before anything runs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trueto.candidates import is_file
from trueto.errors import UsageError

__all__ = ["INPUTS", "PREFIX", "Inputs", "inside", "read_inputs"]

PREFIX = "TRUETO_CI_"
INPUTS = {
    "candidate": "a name or a file inside the repository; without it that of [tool.trueto] in pyproject.toml",
    "references": "only these original algorithms, as k_diffusion/dpmpp_2m; globs, separated by blanks or line breaks",
    "layers": "only these layers",
    "profiles": "how to run it; without it the profile `default`",
    "ledger": "declared deviations, a file inside the repository; without it deviations.toml beside the candidate",
    "fail-on": "undeclared, any or none",
    "baseline": "a run record inside the repository's folder, as restored from an artifact: fail only on what is new",
    "comment": "whether the pull request gets a comment from the second workflow: true, or false",
    "quick": "true for one or two cases a claim",
    "laws": "none, dev, ci or nightly: how many X to draw beyond the recorded ones (docs/laws.md)",
    "protected": "more files that decide what is judged, as helpers of the adapter: on pull requests taken from the merge base",
    "output": "the folder to write to, inside the repository's folder",
}
LISTS = {"references": "reference", "layers": "layer", "profiles": "profile"}
EVENTS = ("pull_request", "merge_group", "push", "schedule", "workflow_dispatch", "workflow_call", "repository_dispatch", "release", "")
SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True)
class Inputs:
    """Checked inputs; `request` is the pull request of the event, or None. `root` is the workspace, and all paths lie in it."""

    root: Path
    given: Mapping[str, str]
    env: Mapping[str, str]
    request: Mapping[str, Any] | None

    @property
    def candidate(self) -> str | None:
        """As the workflow names it."""
        return self.given["candidate"] or None

    @property
    def output(self) -> Path:
        """The folder to write to."""
        return self.root / self.given["output"]

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that the workflow names as deciding what is judged, besides the candidate."""
        return tuple(filter(None, (self.given["ledger"], *self.given["protected"].split())))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the pull request, which only those who may triage can set."""
        found = (self.request or {}).get("labels") or []
        return tuple(str(label.get("name")) for label in found if isinstance(label, dict))

    @property
    def comment(self) -> bool:
        """Whether a comment is asked for, as it is where nothing is said."""
        return self.given["comment"] != "false"

    def arguments(self) -> list[str]:
        """Options of `trueto gate`; each is one word, so that no value becomes an option of its own."""
        chosen = [f"--{option}={value}" for name, option in LISTS.items() for value in re.split(r"[\s,]+", self.given[name]) if value]
        chosen += [f"--fail-on={self.given['fail-on']}"]
        chosen += [f"--laws={self.given['laws']}"] if self.given["laws"] else []
        chosen += [f"--ledger={self.given['ledger']}"] if self.given["ledger"] else []
        chosen += [f"--baseline={self.given['baseline']}"] if self.given["baseline"] else []
        return [*chosen, *(["--quick"] if self.given["quick"] == "true" else [])]


def inside(root: Path, name: str, what: str) -> str:
    """A path as from `root`; UsageError where it leads out, or through a link."""
    path = Path(name)
    hint = f"{what}: a path inside the repository, as ci/adapter.py"
    if "\x00" in name or path.is_absolute() or ".." in path.parts or not path.parts:
        raise UsageError(f"{what} is '{name}', which is not inside the repository", hint)
    step = root
    for part in path.parts:
        step = step / part
        if step.is_symlink():
            raise UsageError(f"{what} is '{name}', and {step.relative_to(root)} is a symbolic link", hint)
    return path.as_posix()


def read_inputs(env: Mapping[str, str]) -> Inputs:
    """The inputs of this run; UsageError for what cannot be used, and for events that must not run what strangers send."""
    event = env.get("GITHUB_EVENT_NAME", "")
    if event not in EVENTS:
        raise UsageError(f"trueto does not run on {event}: such a job may write, and would run a stranger's code", "on: pull_request")
    root = Path(env.get("GITHUB_WORKSPACE") or ".").resolve()
    given = {name: env.get(PREFIX + name.upper().replace("-", "_"), "").strip() for name in INPUTS}
    given = {**given, "fail-on": given["fail-on"] or "undeclared", "output": given["output"] or "trueto-report"}
    if given["fail-on"] not in ("undeclared", "any", "none"):
        raise UsageError(f"fail-on is '{given['fail-on']}'", "fail-on: undeclared, any or none")
    if given["laws"] not in ("", "none", "dev", "ci", "nightly"):
        raise UsageError(f"laws is '{given['laws']}'", "laws: none, dev, ci or nightly")
    for name in ("comment", "quick"):
        if given[name] not in ("", "true", "false"):
            raise UsageError(f"{name} is '{given[name]}'", f"{name}: true or false")
    if is_file(given["candidate"]):
        given["candidate"] = inside(root, given["candidate"], "candidate")
    elif given["candidate"] and not re.fullmatch(r"[A-Za-z0-9_]+(==[A-Za-z0-9.]+)?", given["candidate"]):
        raise UsageError(f"candidate is '{given['candidate']}', expected a name or a .py or .toml file", "trueto list candidates")
    for name in ("ledger", "baseline", "output"):
        given[name] = inside(root, given[name], name) if given[name] else ""
    for name in given["protected"].split():
        inside(root, name, "protected")
    return Inputs(root, given, env, _request(env) if event == "pull_request" else None)


def _request(env: Mapping[str, str]) -> Mapping[str, Any]:
    """The pull request of the event; UsageError where the event has none: then nobody could tell what it proposes."""
    path = env.get("GITHUB_EVENT_PATH", "")
    try:
        event = json.loads(Path(path).read_text(encoding="utf-8"))
        request = event["pull_request"]
        if SHA.fullmatch(request["base"]["sha"]) and SHA.fullmatch(request["head"]["sha"]):
            return request
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise UsageError(f"the event file {path or '(none)'} has no pull request with the commits of base and head", "GITHUB_EVENT_PATH")
