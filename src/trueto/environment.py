"""What the gate's answer depends on besides the repository, and whether the repository's tensors are the committed ones.

`python -m trueto.environment --output environment.json` writes the first, `--check-data` checks the second. Standard library
only: the build hook of the wheel uses it before anything is installed. Nothing that is described is imported.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import platform
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Any

from trueto.settings import data_root, offline_environment

__all__ = ["PACKAGES", "Problem", "check_manifests", "cpu", "describe", "main", "package_digest"]

PACKAGES = (
    "torch", "numpy", "scipy", "safetensors", "torchsde", "hypothesis",
    "pillow", "transformers", "tokenizers", "regex", "ftfy", "sentencepiece",
)  # fmt: skip
"""What can move a cell's numbers besides Python, system and processor; the second line is what pictures and prompts go through."""
CPU_FLAGS = ("avx", "avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_bf16", "amx_tile", "asimd", "sve")
VARIABLES = re.compile(r"(ATEN|MKL|OMP|DNNL|ONEDNN|TORCH|CUDA|CUBLAS|NVIDIA)_\w+")
TENSORS = (("fixtures", "data"), ("references", "goldens"))
REMOTE = Path(".dvc") / "remote"
BLOB = re.compile(r"[0-9a-f]{32}(\.dir)?")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with the tensors on disk: what was seen where, and what to type."""

    what: str
    hint: str

    def __str__(self) -> str:
        return f"{self.what}\n  try: {self.hint}"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def package_digest(name: str) -> str | None:
    """SHA-256 over names and bytes of all code of an installed module or package; None when it is not installed."""
    found = importlib.util.find_spec(name)
    if found is None:
        return None
    folders = [Path(folder) for folder in found.submodule_search_locations or ()]
    files = [(file.relative_to(folder).as_posix(), file) for folder in folders for file in folder.rglob("*") if _is_code(file)]
    if not folders and found.origin:
        files = [(Path(found.origin).name, Path(found.origin))]
    digest = hashlib.sha256()
    for shown, file in sorted(files):
        digest.update(f"{shown}:{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _is_code(file: Path) -> bool:
    return file.suffix in {".py", ".so", ".pyd", ".json", ".toml"} and "__pycache__" not in file.parts


def _candidates() -> Iterator[tuple[str, str]]:
    """Name and top-level module of every library under test: a file or folder of candidates/, or an entry point."""
    for entry in sorted((Path(__file__).parent / "candidates").glob("[a-z]*")):
        if entry.suffix == ".py" or entry.is_dir():
            yield entry.stem, entry.stem
    for point in entry_points(group="trueto.candidates"):
        yield point.name, point.module.partition(".")[0]


def cpu() -> dict[str, Any]:
    """Vendor and vector extensions, of which the kernels in use depend; without importing torch."""
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.is_file() else ""
    vendor = re.search(r"^(?:vendor_id|CPU implementer)\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    present = set(flags.group(1).split()) if flags else set[str]()
    return {
        "machine": platform.machine(),
        "vendor": vendor.group(1).strip() if vendor else platform.processor(),
        "extensions": [flag for flag in CPU_FLAGS if flag in present],
    }


def _gpus() -> list[str]:
    """Driver and models of NVIDIA GPUs as the kernel names them; empty without any."""
    proc = Path("/proc/driver/nvidia")
    files = [proc / "version", *sorted(proc.glob("gpus/*/information"))]
    lines = [line for file in files if file.is_file() for line in file.read_text().splitlines()]
    return [" ".join(line.split()) for line in lines if line.startswith(("NVRM version", "Model"))]


def describe() -> dict[str, Any]:
    """Candidates, versions, CPU and the variables that choose kernels: equal as long as nothing of that has changed."""
    variables = {name: value for name, value in sorted(offline_environment().items()) if VARIABLES.fullmatch(name)}
    return {
        "candidates": {name: {"version": _version(module), "sha256": package_digest(module)} for name, module in _candidates()},
        "packages": {name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "os": [platform.system(), *platform.libc_ver()],
        "cpu": cpu(),
        "gpus": _gpus(),
        "variables": {name: value for name, value in variables.items() if not value.startswith("/")},
    }


def _run_id(previous: Path, outputs: list[Path]) -> str:
    """An id of the run on disk: kept while its outputs are there, new in a fresh clone or when one of them was removed.

    Without it `dvc repro --pull` finds nothing changed, cannot pull what is not cached, and ends well without a report.
    """
    try:
        kept = json.loads(previous.read_text())["run"]
    except (OSError, ValueError, KeyError, TypeError):
        kept = None
    return str(kept) if kept and all(output.exists() for output in outputs) else uuid.uuid4().hex


def _digests(manifest: Path) -> dict[str, str] | None:
    try:
        return {str(name): str(digest) for name, digest in json.loads(manifest.read_text()).items()}
    except (OSError, ValueError, AttributeError):
        return None


def _owners(root: Path) -> Iterator[tuple[Path, Path, str]]:
    """Manifest, folder of its tensors, and the command that makes them, for every family and codebase."""
    for kind, tensors in TENSORS:
        for definition in sorted((root / kind).glob("*/*.toml")):
            if definition.name not in {"fixture.toml", "codebase.toml"}:
                continue
            if definition.name == "codebase.toml" and tomllib.loads(definition.read_text()).get("files") == []:
                continue  # promises that libraries make of themselves: nothing is recorded
            name = definition.parent.name
            again = f"trueto record {name} --source DIR" if kind == "references" else f"python fixtures/{name}/make.py"
            yield definition.parent / "manifest.json", definition.parent / tensors, again


def check_manifests(root: Path | None = None, *, before_pull: bool = False) -> list[Problem]:
    """Everything that is wrong with fixtures, goldens and the blobs of the embedded remote; empty when all is well.

    `before_pull` accepts a file that is missing but has its blob in the embedded remote, as in a fresh clone. It must run
    before any dvc call, because dvc deletes a damaged blob and then calls it missing.
    """
    root = root or data_root()
    remote = _Remote(root / REMOTE) if (root / REMOTE).is_dir() else None
    problems = list(remote.damaged) if remote else []
    for manifest, folder, again in _owners(root):
        shown = manifest.relative_to(root)
        digests = _digests(manifest)
        if digests is None:
            hint = f"git checkout -- {shown}" if manifest.is_file() else again
            problems.append(Problem(f"{shown} is missing or cannot be read: nothing in {folder.name}/ can be trusted", hint))
            continue
        for name, digest in sorted(digests.items()):
            problems += _check_file(folder / name, digest, root, remote, before_pull=before_pull)
        strays = {file.name for file in folder.glob("*.safetensors")} - set(digests)
        problems += [Problem(f"{(folder / name).relative_to(root)} is not in {shown}", again) for name in sorted(strays)]
        problems += _check_directory(manifest.with_name("dvc.lock"), root, remote)
    return problems


def _check_file(file: Path, expected: str, root: Path, remote: _Remote | None, *, before_pull: bool) -> Iterator[Problem]:
    shown = file.relative_to(root)
    backed = remote is not None and expected in remote.digests
    if remote is not None and not backed:
        yield Problem(f"{shown} has no intact blob in {REMOTE}, so a fresh clone cannot get it", _again(root, file))
    if not file.is_file():
        if not (before_pull and (backed or remote is None)):
            yield Problem(f"{shown} is missing", _pull(root))
        return
    with file.open("rb") as stream:
        seen = hashlib.file_digest(stream, "sha256").hexdigest()
    if seen != expected:
        what = f"{shown} is damaged or foreign: its SHA-256 is {seen[:12]}…, manifest.json says {expected[:12]}…"
        yield Problem(what, f"rm {shown} && dvc pull" if (root / ".dvc").is_dir() else _pull(root))


def _pull(root: Path) -> str:
    return "dvc pull" if (root / ".dvc").is_dir() else "pip install --force-reinstall trueto"


def _again(root: Path, file: Path) -> str:
    stage = (file.parent.parent / "dvc.yaml").relative_to(root)
    return f"git checkout -- {REMOTE}, or when {file.name} is newly recorded: dvc commit -f {stage} && dvc push"


def _check_directory(lock: Path, root: Path, remote: _Remote | None) -> Iterator[Problem]:
    """The lists of files that dvc keeps for directories: named in dvc.lock, a blob like any other."""
    if remote is None or not lock.is_file():
        return
    section = ""
    for line in lock.read_text().splitlines():
        key, _, name = line.strip().partition(": ")
        section = key if key in {"deps:", "outs:"} else section
        if section == "outs:" and key == "md5" and name.endswith(".dir") and name not in remote.names:
            what = f"{lock.relative_to(root)} names the directory {name}, of which {REMOTE} has no blob"
            yield Problem(what, f"git checkout -- {REMOTE}, or when it is newly recorded: dvc push")


class _Remote:
    """The content-addressed blobs of the embedded remote: names, SHA-256 of the intact ones, and the damaged ones."""

    def __init__(self, folder: Path) -> None:
        self.names: set[str] = set()
        self.digests: set[str] = set()
        self.damaged: list[Problem] = []
        for blob in sorted(path for path in folder.glob("files/md5/??/*") if path.is_file()):
            name = blob.parent.name + blob.name
            content = blob.read_bytes()
            seen = hashlib.md5(content, usedforsecurity=False).hexdigest()
            if not BLOB.fullmatch(name) or seen != name.removesuffix(".dir"):
                shown = REMOTE / blob.relative_to(folder)
                self.damaged.append(Problem(f"blob {shown} is damaged: its MD5 is {seen[:12]}…", f"git checkout -- {shown}"))
                continue
            self.names.add(name)
            self.digests.add(hashlib.sha256(content).hexdigest())


def main(arguments: list[str] | None = None) -> int:
    """Write the description of the environment, or check the data; 2 when the data cannot be trusted."""
    parser = argparse.ArgumentParser(prog="python -m trueto.environment", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--output", type=Path, help="write the description to this file instead of printing it")
    parser.add_argument(
        "--run", type=Path, nargs="*", default=[], help="outputs of the run: when one is missing, the gate has to run again"
    )
    parser.add_argument("--check-data", action="store_true", help="check fixtures and goldens against their manifests")
    parser.add_argument("--root", type=Path, help="with --check-data: the tree to check, instead of the one that trueto runs from")
    parser.add_argument("--before-pull", action="store_true", help="with --check-data: a file that dvc can restore may be missing")
    chosen = parser.parse_args(arguments)
    if chosen.check_data:
        problems = check_manifests(chosen.root, before_pull=chosen.before_pull)
        for problem in problems:
            sys.stderr.write(f"error: {problem}\n")
        return 2 if problems else 0
    described = describe()
    if chosen.output and chosen.run:
        described["run"] = _run_id(chosen.output, chosen.run)
    text = json.dumps(described, indent=2, sort_keys=True) + "\n"
    if chosen.output is None:
        sys.stdout.write(text)
    else:
        chosen.output.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
