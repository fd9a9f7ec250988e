"""An example library with its pull request, whose workflow act runs: everything is real but what `.actrc` stands in for."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pull_request import git, put

from trueto.settings import data_root

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"


@dataclass(frozen=True)
class Acted:
    """What came of it: exit code, the log, and the folder of artifacts."""

    code: int
    log: str
    artifacts: Path

    def read(self, name: str) -> str:
        """A file of the artifact `trueto`."""
        return (self.artifacts / "trueto" / name).read_text()


def stand_ins() -> dict[str, Path]:
    """What `.actrc` puts in the place of each action."""
    words = [word for line in (ROOT / ".actrc").read_text().splitlines() for word in shlex.split(line)]
    pairs = [words[i + 1] for i, word in enumerate(words) if word == "--local-repository"]
    return {name: ROOT / folder for name, _, folder in (pair.partition("=") for pair in pairs)}


def environment(folder: Path) -> dict[str, str]:
    """A new environment of Python in which `pip install .` is real, and all else, trueto among it, is that of this one."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    (own,) = folder.glob("lib/python3*/site-packages")
    (own / "shared.pth").write_text("".join(f"{path}\n" for path in (sysconfig.get_path("purelib"), str(ROOT / "src"))))
    script = folder / "bin" / "trueto"
    script.write_text(f"#!{folder}/bin/python\nfrom trueto.cli import main\n\nmain()\n")
    script.chmod(0o755)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    # In a variable, 0 is what switches isolation off: the build takes the hatchling that is there.
    quiet = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return {**plain, **quiet, "PATH": f"{folder}/bin:{os.environ['PATH']}", "VIRTUAL_ENV": str(folder), "TRUETO_ROOT": str(data_root())}


def act(tmp: Path, example: str, *, files: dict[str, str] | None = None, change: dict[str, str] | None = None, patch: bool = True) -> Acted:
    """Open the example's pull request, and run its workflow. `files` are more files of the base, `change` more changes of the request."""
    root = repository(tmp, example, files or {})
    base = git(root, "rev-parse", "HEAD")
    git(root, "switch", "-qc", "request")
    if patch:
        git(root, "apply", "pull-request.patch")
    put(root, change or {})
    git(root, "add", "-A")
    git(root, "commit", "-qm", "request")
    head = git(root, "rev-parse", "HEAD")
    event = {"number": 7, "pull_request": {"number": 7, "base": {"sha": base}, "head": {"sha": head}, "labels": []}}
    return ran(tmp, root, "pull_request", event)


def repository(tmp: Path, example: str, files: dict[str, str]) -> Path:
    """The example in a git repository of its own, with more files."""
    root = tmp / "repo"
    shutil.copytree(EXAMPLES / example, root, ignore=shutil.ignore_patterns("__pycache__"))
    put(root, files)
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "base")
    return root


def ran(tmp: Path, root: Path, name: str, event: dict[str, Any], *options: str, programs: dict[str, str] | None = None) -> Acted:
    """What act makes of an event in a repository; `programs` are scripts that stand first on the path."""
    (tmp / "event.json").write_text(json.dumps(event))
    env = environment(tmp / "env") | {"XDG_CACHE_HOME": str(tmp / "cache"), "HOME": str(tmp)}
    for program, text in (programs or {}).items():
        script = tmp / "env" / "bin" / program
        script.write_text(text)
        script.chmod(0o755)
    stood = [word for one, folder in stand_ins().items() for word in ("--local-repository", f"{one}={folder}")]
    command = ["act", name, "-P", "ubuntu-latest=-self-hosted", *stood, "-e", str(tmp / "event.json")]
    command += ["--env", f"ACT_ARTIFACTS={tmp / 'artifacts'}", "--env", "TRUETO_CI_QUICK=true", *options]
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    return Acted(done.returncode, done.stdout + done.stderr, tmp / "artifacts")
