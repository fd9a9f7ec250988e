"""What a pull request may not decide for itself: settings, adapter, ledger and workflows are those of the merge base until approved."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trueto.action.inputs import Inputs, inside
from trueto.candidates import is_file, project_table
from trueto.errors import DataError, UsageError

__all__ = ["DIGITS", "LABEL", "Guard", "look"]

LABEL = "trueto-approved-"
"""With the digest of what is proposed: such a label approves just that, and nothing that is pushed later."""
DIGITS = 32
"""Of the digest, in base 16. A request has both versions in its hand, so that half as many could be made equal; a label has room for 50."""
PROJECT = "pyproject.toml"
WORKFLOWS = ".github/workflows"
DEPTH = "fetch-depth: 2 (a merge commit) or 0 in actions/checkout"


@dataclass(frozen=True, slots=True)
class Guard:
    """Which candidate is judged, and what of the request was put aside: `then` are the files as at the merge base, None for absent."""

    root: Path
    spec: str
    proposed: tuple[str, ...] = ()
    digest: str = ""
    approved: bool = False
    then: Mapping[str, bytes | None] | None = None

    @property
    def red(self) -> bool:
        """Whether something is proposed that nobody has approved."""
        return bool(self.proposed) and not self.approved

    @contextmanager
    def put_back(self) -> Generator[None]:
        """The files of the merge base in the place of the request's own, as long as it is judged."""
        now = {path: _read(self.root, path) for path in self.then or {}}
        try:
            for path, content in (self.then or {}).items():
                _write(self.root, path, content)
            yield
        finally:
            for path, content in now.items():
                _write(self.root, path, content)


def look(inputs: Inputs) -> Guard:
    """Compare what decides the judgement with the merge base. DataError where that is not there to compare with."""
    root = inputs.root
    table = _table(_read(root, PROJECT), root)
    spec = _spec(inputs, table)
    if inputs.request is None:
        if spec is None:
            raise UsageError("no candidate is named, and pyproject.toml has no [tool.trueto]", "trueto init")
        return Guard(root, spec)
    base = _merge_base(inputs)
    table_then = _table(_blob(root, base, PROJECT), root)
    spec_then = _spec(inputs, table_then)
    paths = sorted({*inputs.paths, *_tracked(inputs), *_beside(spec), *_beside(spec_then)})
    then = {path: _blob(root, base, path) for path in paths}
    changed = [path for path in paths if then[path] != _read(root, path)]
    flows = _workflows(root, base)
    parts = [(f"[tool.trueto] of {PROJECT}", "table", repr(table).encode())] if table != table_then else []
    parts += [(path, "gone" if (content := _read(root, path)) is None else "file", content or b"") for path in (*changed, *flows)]
    proposed, digest = tuple(name for name, _, _ in parts), _digest(parts)
    approved = bool(proposed) and LABEL + digest in inputs.labels
    first = spec_then is None or (is_file(spec_then) and then[spec_then] is None)
    chosen = spec if approved or first else spec_then
    if chosen is None:
        raise UsageError("no candidate is named, and pyproject.toml has no [tool.trueto]", "trueto init")
    aside = {} if approved or first else {path: then[path] for path in changed}
    return Guard(root, chosen, proposed, digest, approved, aside)


def _spec(inputs: Inputs, table: Mapping[str, Any] | None) -> str | None:
    found = inputs.candidate or (table or {}).get("candidate")
    if found is not None and not isinstance(found, str):
        raise UsageError(f"[tool.trueto]: candidate is {found!r}, expected a name or a path", 'candidate = "trueto_adapter.py"')
    return inside(inputs.root, found, "candidate") if found and is_file(found) else found


def _beside(spec: str | None) -> tuple[str, ...]:
    """A candidate's file with its ledger and the cases kept for it."""
    if spec is None or not is_file(spec):
        return ()
    return spec, *((Path(spec).parent / name).as_posix() for name in ("deviations.toml", "kept.toml"))


def _tracked(inputs: Inputs) -> tuple[str, ...]:
    """A baseline that the request brings along as a file of its own; one that the workflow restored is not in git."""
    baseline = inputs.given["baseline"]
    return (baseline,) if baseline and _blob(inputs.root, "HEAD", baseline) is not None else ()


def _table(text: bytes | None, root: Path) -> Mapping[str, Any] | None:
    return project_table(text or b"", str(root / PROJECT), "tool", "trueto")


def _read(root: Path, path: str) -> bytes | None:
    inside(root, path, "a file that decides what is judged")
    file = root / path
    return file.read_bytes() if file.is_file() else None


def _write(root: Path, path: str, content: bytes | None) -> None:
    file = root / path
    if content is None:
        file.unlink(missing_ok=True)
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-c", f"safe.directory={root}", "-c", "core.fsmonitor=", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, check=False)


def _said(root: Path, *arguments: str) -> str:
    done = _git(root, *arguments)
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else ""


def _merge_base(inputs: Inputs) -> str:
    """The commit that the request is judged against: the first parent of GitHub's own merge commit, else the merge base."""
    root, env = inputs.root, inputs.env
    assert inputs.request is not None
    head = _said(root, "rev-parse", "HEAD")
    merged = re.fullmatch(r"refs/pull/\d+/merge", env.get("GITHUB_REF", "")) and head and env.get("GITHUB_SHA") == head
    if merged and _said(root, "rev-parse", "--verify", "-q", "HEAD^2"):
        return _said(root, "rev-parse", "HEAD^1")
    base = str(inputs.request["base"]["sha"])
    if found := _said(root, "merge-base", base, "HEAD"):
        return found
    raise DataError(f"the merge base with {base[:12]} is not in this checkout, so what the request changes cannot be told", DEPTH)


def _blob(root: Path, commit: str, path: str) -> bytes | None:
    """A file as at a commit; None where it is not there. UsageError for a link."""
    entry = _said(root, "ls-tree", commit, "--", f":(literal){path}")
    if not entry:
        return None
    mode, kind = entry.split()[:2]
    if kind != "blob" or mode == "120000":
        raise UsageError(f"{path} is no plain file at the merge base", "a plain file")
    done = _git(root, "cat-file", "blob", f"{commit}:{path}")
    if done.returncode != 0:
        raise DataError(f"{path} of the merge base cannot be read", DEPTH)
    return done.stdout


def _workflows(root: Path, base: str) -> list[str]:
    """Workflows that speak of trueto and are not those of the merge base."""
    listed = _said(root, "ls-tree", "-r", "--name-only", "-z", base, "--", WORKFLOWS).split("\0")
    here = [file.relative_to(root).as_posix() for file in (root / WORKFLOWS).rglob("*") if file.is_file()]
    pairs = {path: (_blob(root, base, path), _read(root, path)) for path in sorted({*filter(None, listed), *here})}
    return [path for path, (then, now) in pairs.items() if then != now and any(b"trueto" in (text or b"") for text in (then, now))]


def _digest(parts: list[tuple[str, str, bytes]]) -> str:
    """What a label must name: it is of the names, kinds (`table`, `file`, `gone`) and contents of all that is proposed."""
    found = hashlib.sha256()
    for name, kind, content in parts:
        found.update(f"{name}\0{kind}\0{len(content)}\0".encode() + content)
    return found.hexdigest()[:DIGITS] if parts else ""
