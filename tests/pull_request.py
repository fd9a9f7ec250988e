"""A library in a git repository with a pull request, as a workflow of GitHub Actions finds it; for tests of `trueto ci`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

SAMPLERS = '''"""A library of one sampler."""


def euler(model, x, sigmas):
    """Euler's method."""
    for i in range(len(sigmas) - 1):
        x = x + (x - model(x, sigmas[i])) / sigmas[i] * (sigmas[i + 1] - sigmas[i])
    return x
'''
ADAPTER = '''"""What mylib claims to be."""

from trueto.conformance import functions

ADAPTER = functions("numpy", {"k_diffusion/euler": "mylib.samplers:euler"}, source="README.md", quote="Euler, as in k-diffusion")
'''
FILES = {
    "mylib/__init__.py": "",
    "mylib/samplers.py": SAMPLERS,
    "trueto_adapter.py": ADAPTER,
    "deviations.toml": 'candidate = "trueto_adapter"\n',
    "pyproject.toml": '[project]\nname = "mylib"\nversion = "1.0"\n\n[tool.trueto]\ncandidate = "trueto_adapter.py"\n',
    ".github/workflows/trueto.yml": "name: trueto\non: pull_request\n",
    ".gitignore": "__pycache__/\n",
}
DRIFT = SAMPLERS.replace("x = x + ", "x = x + 1.001 * ")


def git(root: Path, *arguments: str) -> str:
    """Git in the repository."""
    who = (
        "-c",
        "user.name=somebody",
        "-c",
        "user.email=somebody@example.org",
        "-c",
        "init.defaultBranch=main",
        "-c",
        "commit.gpgsign=false",
    )
    return subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def put(root: Path, files: dict[str, str | None]) -> None:
    """Write files; None takes one away."""
    for name, text in files.items():
        path = root / name
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def opened(
    root: Path, changes: dict[str, str | None], *, labels: tuple[str, ...] = (), base: dict[str, str | None] | None = None
) -> dict[str, str]:
    """A repository whose request makes `changes`, checked out as GitHub's merge commit, and the environment of its job.

    The base has moved on since the request began, and settings with it. `base` are other files of the base.
    """
    root.mkdir(parents=True, exist_ok=True)
    git(root, "init", "-q")
    put(root, {name: text for name, text in {**FILES, **(base or {})}.items() if text is not None})
    git(root, "add", "-A")
    git(root, "commit", "-qm", "base")
    began = git(root, "rev-parse", "HEAD")
    git(root, "switch", "-qc", "request")
    put(root, changes)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "request", "--allow-empty")
    head = git(root, "rev-parse", "HEAD")
    git(root, "switch", "-q", "main")
    put(root, {".github/workflows/other.yml": "name: trueto in another way\n"})
    git(root, "add", "-A")
    git(root, "commit", "-qm", "main moves on")
    git(root, "switch", "-q", "--detach")
    git(root, "merge", "-q", "--no-ff", "-m", "merge", "request")
    event = root.parent / f"{root.name}-event.json"
    request = {"number": 7, "base": {"sha": began}, "head": {"sha": head}, "labels": [{"name": name} for name in labels]}
    event.write_text(json.dumps({"pull_request": request}))
    return {
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_WORKSPACE": str(root),
        "GITHUB_REF": "refs/pull/7/merge",
        "GITHUB_SHA": git(root, "rev-parse", "HEAD"),
        "GITHUB_STEP_SUMMARY": str(root.parent / "summary.md"),
        "GITHUB_OUTPUT": str(root.parent / "output.txt"),
        "TRUETO_CI_QUICK": "true",
    }
