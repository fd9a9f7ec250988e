"""DVC: an upgraded candidate is judged anew, a fresh clone judges for itself, and damaged data is seen before dvc touches it."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from trueto.environment import check_manifests, main, package_digest

ROOT = Path(__file__).parents[1]
STUB = "import pathlib, sys, uuid; r = pathlib.Path(sys.argv[-1]); (r / 'claims').mkdir(parents=True, exist_ok=True)\n"
GATE = """import pathlib, sys, uuid
record = pathlib.Path(sys.argv[sys.argv.index('--record') + 1])
record.parent.mkdir(parents=True, exist_ok=True)
record.write_text(uuid.uuid4().hex)
"""
REPORT = STUB + "[(r / n).write_text('{}') for n in ('summary.json', 'drift.csv', 'matrix.md', 'index.html', 'claims/a.html')]\n"
EVERY = {"gate", "report", "publish", "gate_transformers", "report_transformers"}
LOCK = """schema: '2.0'
stages:
  record:
    deps:
    - path: ../../fixtures
      md5: {dep}
    outs:
    - path: goldens
      md5: {out}
"""


class Project:
    """A throwaway project with the root dvc.yaml of this repository; gate and report are stubs, the environment is real."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.library = folder.parent / "library"

    def do(self, *command: str) -> str:
        """Run a command in the project; what it printed."""
        search = os.pathsep.join([str(self.library), str(ROOT / "src")])
        here = Path(sys.executable).parent
        environment = {**os.environ, "PYTHONPATH": search, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
        seen = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert seen.returncode == 0, seen.stdout + seen.stderr
        return seen.stdout

    def repro(self) -> set[str]:
        """`dvc repro --pull`; the stages that ran, besides the look at the environment."""
        return set(re.findall(r"Running stage '(\w+)'", self.do("dvc", "repro", "--pull"))) - {"environment"}

    def install(self, code: str) -> None:
        """Put a library called diffusers before the installed one."""
        (self.library / "diffusers").mkdir(parents=True, exist_ok=True)
        (self.library / "diffusers" / "__init__.py").write_text(code)


@pytest.fixture
def project(tmp_path):
    """The project, under git and dvc, with one candidate installed."""
    folder = tmp_path / "project"
    for name in ("fixtures", "references", "suites", "src/trueto/reports"):
        (folder / name).mkdir(parents=True)
        (folder / name / "something.txt").write_text(name)
    (folder / ".dvc").mkdir()
    for name in (".dvc/config", ".dvc/.gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    stages = (ROOT / "dvc.yaml").read_text()
    stages = re.sub(r"cmd: trueto (gate|report|publish) (.*)", r"cmd: python \1.py \2", stages)
    (folder / "dvc.yaml").write_text(stages)
    for name, code in (("gate", GATE), ("report", REPORT), ("publish", "")):
        (folder / f"{name}.py").write_text(code)
    (folder / "reports" / "transformers").mkdir(parents=True)
    for name in ("false_alarms.json", "power.json", "transformers/false_alarms.json", "transformers/power.json"):
        (folder / "reports" / name).write_text("{}")
    (folder / "reports" / "history").mkdir()
    (folder / "reports" / "history" / "README").write_text("no release was swept")
    kept = "!/reports/*.json\n!/reports/history\n!/reports/transformers\n/reports/transformers/*\n!/reports/transformers/*.json\n"
    (folder / ".gitignore").write_text(f"/environment.json\n/reports/*\n{kept}")
    new = Project(folder)
    new.install("STEPS = 1\n")
    new.do("git", "init", "--quiet")
    return new


def test_an_upgraded_candidate_is_judged_again(project):
    """The gate runs once for one environment, and again when a byte of the candidate's code changes."""
    assert project.repro() == EVERY
    assert project.repro() == set()
    project.install("STEPS = 2\n")
    assert project.repro() == EVERY


def test_a_fresh_clone_judges_for_itself(project, tmp_path):
    """A committed dvc.lock does not let a clone, or a tree whose report was removed, end well without a report."""
    project.repro()
    project.do("git", "add", "--all")
    project.do("git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "one")
    clone = Project(tmp_path / "clone")
    project.do("git", "clone", "--quiet", ".", str(clone.folder))
    assert clone.repro() == EVERY
    (clone.folder / "reports" / "index.html").unlink()
    assert clone.repro() == EVERY


def test_the_description_of_an_environment_is_stable(capsys):
    """Two looks at one environment give the same bytes, without a path of this machine."""
    main([])
    first = capsys.readouterr().out
    main([])
    assert first == capsys.readouterr().out
    assert json.loads(first)["candidates"]["diffusers"]["sha256"]
    assert str(Path(sys.prefix)) not in first


def test_what_is_not_installed_has_no_digest():
    """A candidate that is not installed is described as such, not as an empty one."""
    assert package_digest("no_such_library_at_all") is None


@pytest.fixture
def data(tmp_path):
    """A tree with one golden, its manifest, its dvc.lock and its blobs in the embedded remote."""
    content, listing = b"golden" * 100, b'[{"md5": "x", "relpath": "a.safetensors"}]'
    home = tmp_path / "references" / "somebody"
    (home / "goldens").mkdir(parents=True)
    (home / "codebase.toml").write_text("")
    (home / "goldens" / "a.safetensors").write_bytes(content)
    (home / "manifest.json").write_text(json.dumps({"a.safetensors": hashlib.sha256(content).hexdigest()}))
    names = [hashlib.md5(content, usedforsecurity=False).hexdigest(), hashlib.md5(listing, usedforsecurity=False).hexdigest() + ".dir"]
    (home / "dvc.lock").write_text(LOCK.format(dep="0" * 32 + ".dir", out=names[1]))
    for name, blob in zip(names, (content, listing), strict=True):
        place = tmp_path / ".dvc" / "remote" / "files" / "md5" / name[:2] / name[2:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(blob)
    return tmp_path


def golden(root: Path) -> Path:
    """The one golden of the tree."""
    return root / "references" / "somebody" / "goldens" / "a.safetensors"


def blob(root: Path, kind: str) -> Path:
    """The golden's blob, or the list of files (`.dir`)."""
    return next(p for p in root.glob(".dvc/remote/files/md5/*/*") if (p.suffix == ".dir") == (kind == "dir"))


def flip(file: Path) -> None:
    """Turn one bit in the middle of a file."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def truncate(file: Path) -> None:
    """Lose the end of a file."""
    file.write_bytes(file.read_bytes()[:-20])


FAULTS = {
    "golden missing": (lambda r: golden(r).unlink(), "goldens/a.safetensors is missing", "dvc pull"),
    "golden truncated": (lambda r: truncate(golden(r)), "goldens/a.safetensors is damaged or foreign", "rm references"),
    "one bit of a golden flipped": (lambda r: flip(golden(r)), "goldens/a.safetensors is damaged or foreign", "rm references"),
    "golden of nobody": (lambda r: golden(r).with_name("b.safetensors").write_bytes(b""), "b.safetensors is not in", "trueto record"),
    "manifest missing": (lambda r: golden(r).parents[1].joinpath("manifest.json").unlink(), "manifest.json is missing", "trueto record"),
    "manifest damaged": (lambda r: golden(r).parents[1].joinpath("manifest.json").write_text("["), "cannot be read", "git checkout"),
    "blob missing": (lambda r: blob(r, "file").unlink(), "a.safetensors has no intact blob", "git checkout -- .dvc/remote"),
    "one bit of a blob flipped": (lambda r: flip(blob(r, "file")), "is damaged: its MD5", "git checkout -- .dvc/remote/files"),
    "list of files missing": (lambda r: blob(r, "dir").unlink(), "has no blob", "dvc push"),
    "list of files damaged": (lambda r: flip(blob(r, "dir")), "is damaged: its MD5", "git checkout"),
}


def test_intact_data_has_no_problem(data):
    """An intact tree passes, also in a fresh clone before dvc restored the goldens."""
    assert check_manifests(data) == []
    golden(data).unlink()
    assert check_manifests(data, before_pull=True) == []


def test_promises_need_no_goldens(data):
    """A codebase without files of an original has nothing recorded; one that has files and no manifest is a problem."""
    home = data / "references" / "promises"
    home.mkdir()
    (home / "codebase.toml").write_text("files = []\n")
    assert check_manifests(data) == []
    (home / "codebase.toml").write_text('files = ["a.py"]\n')
    assert ["references/promises/manifest.json"] == [problem.what.split()[0] for problem in check_manifests(data)]


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_the_data_is_named(data, fault, capsys):
    """Each fault gives a problem that names the file and what to type, and ends `--check-data` with exit code 2."""
    spoil, what, hint = FAULTS[fault]
    spoil(data)
    problems = check_manifests(data)
    assert [p for p in problems if what in p.what and hint in p.hint], [str(p) for p in problems]
    assert 2 == main(["--check-data", "--root", str(data)])
    assert what in capsys.readouterr().err


def test_the_check_before_dvc_stops_make(data, capsys):
    """`--check-data` exits 2 on a damaged blob, before dvc deletes it and calls it missing."""
    check = ["--check-data", "--root", str(data), "--before-pull"]
    assert main(check) == 0
    flip(blob(data, "file"))
    assert main(check) == 2
    assert "error: blob .dvc/remote" in capsys.readouterr().err


def test_make_checks_before_every_dvc_call():
    """Whatever restores tensors looks at them first: in every recipe of the Makefile the check stands before dvc."""
    recipes = (ROOT / "Makefile").read_text().split("\n\n")
    restoring = [recipe for recipe in recipes if "dvc repro" in recipe or "dvc pull" in recipe]
    assert len(restoring) == 2
    assert all(recipe.index("--check-data --root . --before-pull") < recipe.index("dvc ") for recipe in restoring)


def test_this_repository_holds_the_committed_data():
    """Fixtures, goldens and blobs of this very tree are those of the manifests."""
    assert [str(problem) for problem in check_manifests(ROOT)] == []


@pytest.mark.parametrize(
    "file", sorted([*ROOT.glob("fixtures/*/dvc.yaml"), *ROOT.glob("references/*/dvc.yaml")]), ids=lambda f: f.parent.name
)
def test_x_and_y_are_frozen(file):
    """No dvc command makes X or Y anew by itself."""
    text = file.read_text()
    assert text.count("frozen: true") == text.count("cmd:") == 1


def test_the_root_pipeline_names_no_reference():
    """A new reference or codebase never edits the root dvc.yaml."""
    names = [folder.name for folder in (ROOT / "references").iterdir() if (folder / "dvc.yaml").is_file()]
    stages = "\n".join(line.partition("#")[0] for line in (ROOT / "dvc.yaml").read_text().splitlines())
    assert names
    assert not [name for name in names if re.search(rf"\b{name}\b", stages)]


def test_every_family_and_codebase_is_under_dvc():
    """A folder with tensors has its dvc.yaml; promises that libraries make of themselves have none."""
    recorded = [path for path in ROOT.glob("references/*/codebase.toml") if tomllib.loads(path.read_text())["files"]]
    homes = [path.parent for path in [*ROOT.glob("fixtures/*/fixture.toml"), *recorded]]
    assert [home.name for home in homes if not (home / "dvc.yaml").is_file()] == []


def test_dvc_reports_to_nobody_and_stays_in_the_repository():
    """Telemetry and update checks are off; the default remote is a folder of this repository."""
    config = (ROOT / ".dvc" / "config").read_text()
    assert "analytics = false" in config
    assert "check_update = false" in config
    assert "remote = embedded" in config
    assert "url = remote\n" in config


def test_the_remote_holds_what_this_revision_needs_and_nothing_else():
    """Every blob that a clone brings along is a fixture's or a golden's: earlier recordings are left to the history of git."""
    root, home = Path(__file__).parents[1], Path(".dvc", "remote", "files", "md5")
    blobs = {file.parent.name + file.name: file for file in (root / home).glob("*/*")}
    locks = [yaml.safe_load(file.read_text()) for file in root.glob("*/*/dvc.lock")]
    outs = {out["md5"] for lock in locks for stage in lock["stages"].values() for out in stage["outs"]}
    listed = {entry["md5"] for out in outs if out.endswith(".dir") for entry in json.loads(blobs[out].read_text())}
    assert outs | listed == set(blobs)
