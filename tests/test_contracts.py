"""The rules of the design that a machine can check, and for each a fault that the machine catches."""

import ast
import itertools
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_LINES = 320
HEAVY = ("torch", "diffusers", "mlflow", "dvc", "scipy", "pandas", "matplotlib", "transformers")
LIGHT = tuple(f"trueto.{name}" for name in ("cli", "plugin", "judge", "events", "running", "references", "reports", "dashboard"))


def lint_imports(tree: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on a tree."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as go; go()", "--no-cache"]
    environment = {"PYTHONPATH": str(tree / "src"), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def tree(tmp_path):
    """A copy of the code that may be spoiled."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_imports_go_one_way():
    """The code keeps every import contract."""
    seen = lint_imports(ROOT)
    assert seen.returncode == 0, seen.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("judge.py", "import trueto.references", "imports go one way"),
        ("events.py", "import mlflow", "only the MLflow tracker, and the page in its server, import mlflow"),
        ("candidates/diffusers/loops.py", "import transformers", "only its own candidate imports a library under test"),
        ("running/plan.py", "import diffusers", "only its own candidate imports a library under test"),
        ("judge.py", "import torch", "torch only where an original or a candidate runs"),
        ("store.py", "import dvc.api", "the core needs numpy only, and nothing imports dvc"),
        ("newcomer.py", "", "imports go one way"),
    ],
)
def test_a_forbidden_import_is_caught(tree, file, line, contract):
    """An import against a contract, or a module without a place in the layers, breaks that contract."""
    with (tree / "src" / "trueto" / file).open("a") as stream:
        stream.write(f"\n{line}\n")
    seen = lint_imports(tree)
    assert f"{contract} BROKEN" in seen.stdout or (file == "newcomer.py" and seen.returncode != 0), seen.stdout


@pytest.mark.parametrize(
    "line",
    [
        "numpy.allclose(1, 1)",
        "numpy.array_equal(1, 1)",
        "numpy.testing.assert_allclose(1, 1)",
        "torch.allclose(1, 1)",
        "torch.equal(1, 1)",
        "torch.testing.assert_close(1, 1)",
        "pickle.dumps(1)",
    ],
)
def test_a_comparison_outside_the_judge_is_caught(line):
    """Lint refuses the comparisons of numpy and torch in every file but the judge's."""
    code = f'"""A module."""\n\nimport {line.partition(".")[0]}\n\n{line}\n'

    def rules(file: str) -> str:
        command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "concise", "--stdin-filename", file, "-"]
        return subprocess.run(command, cwd=ROOT, input=code, capture_output=True, text=True, check=False).stdout

    assert "TID251" in rules("src/trueto/running/certify.py")
    assert "TID251" in rules("tests/test_judge.py")
    assert "TID251" not in rules("src/trueto/judge.py")


def imported(file: Path) -> set[str]:
    """All modules that a file imports from, dotted."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {f"{'.' * node.level}{node.module or ''}" for node in nodes if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("file", sorted((ROOT / "references").glob("*/record.py")), ids=lambda file: file.parent.name)
def test_a_recording_imports_only_the_harness(file):
    """record.py knows of trueto only the recording harness and the records, so no judge or spec can reach a golden."""
    own = {name for name in imported(file) if name.startswith(("trueto", "."))}
    assert own <= {"trueto.recording.harness", "trueto.model"}


@pytest.mark.parametrize("file", sorted((ROOT / "references").glob("*/*.py")), ids=lambda f: f"{f.parent.name}/{f.stem}")
def test_a_reference_imports_no_candidate(file):
    """Nothing in references/ imports a library under test, or what runs one."""
    forbidden = ("diffusers", "trueto.candidates", "trueto.workers", "trueto.running")
    assert not [name for name in imported(file) if name.startswith(forbidden)]


@pytest.mark.parametrize("module", LIGHT)
def test_the_core_starts_without_heavy_libraries(module):
    """Importing what users start imports none of the libraries that take seconds."""
    code = f"import sys, {module}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert seen.stdout.split() == []


def test_files_can_be_read_in_one_sitting():
    """No source file outgrows about 300 lines."""
    files = [file for folder in ("src", "references", "suites", "fixtures", "tests") for file in (ROOT / folder).rglob("*.py")]
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in files}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_modules_say_what_they_are_for():
    """The first statement of every module of trueto is its docstring."""
    silent = [file for file in (ROOT / "src").rglob("*.py") if not ast.get_docstring(ast.parse(file.read_text()))]
    assert silent == []


OWN = re.compile(r"(Trueto|Usage|Ledger|Source|Data|Worker|Tracker)Error|NothingSelected")


def bare(text):
    """The lines that make an error of ours without the next thing to type."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    return [call.lineno for call in calls if OWN.fullmatch(call.func.id) and len(call.args) + len(call.keywords) < 2]


def test_errors_end_in_the_next_thing_to_type():
    """Each error of ours has a hint, but those of who records an original, which name the case that is to be chosen anew."""
    assert [1] == bare('raise UsageError("x")')
    files = [file for file in (ROOT / "src").rglob("*.py") if file.parent.name != "recording"]
    assert {} == {str(file): lines for file in files if (lines := bare(file.read_text()))}


READ = re.compile(r"""["'][A-Z_]+["'] (not )?in os\.environ|os\.(environ\.get|getenv)\(\s*["']""")


def test_settings_are_read_from_the_environment_in_one_place():
    """What a user sets in his environment is asked for in trueto.settings; elsewhere it is only handed on, or put back."""
    assert [True] * 3 == [bool(READ.search(text)) for text in ('"NO_COLOR" not in os.environ', "os.environ.get('X')", 'os.getenv("X")')]
    reading = [file.relative_to(ROOT / "src").as_posix() for file in (ROOT / "src").rglob("*.py") if READ.search(file.read_text())]
    assert ["trueto/settings.py"] == reading


def test_the_protocol_lists_every_operation():
    """The docstring of the protocol names what docs/worker-protocol.md has a row for."""
    rows = (ROOT / "docs" / "worker-protocol.md").read_text().partition("## Requests")[2].partition("\n\n`fault`")[0]
    named = re.findall(r"^\| `(\w+)` ", rows.replace("| `op` |", ""), re.MULTILINE)
    said = ast.get_docstring(ast.parse((ROOT / "src/trueto/workers/protocol.py").read_text())) or ""
    assert named
    assert [] == [name for name in named if f"`{name}`" not in said]


def test_the_marker_names_a_target_that_exists():
    """What leaves slow tests out is a target of the Makefile."""
    (target,) = re.findall(r"left out by `make ([\w-]+)`", (ROOT / "pyproject.toml").read_text())
    assert f"\n{target}:" in (ROOT / "Makefile").read_text()


def names_of_tests(folder: Path, seed: int) -> list[str]:
    """What pytest would run in a folder, each test by its name, in its order."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", str(folder)]
    environment = os.environ | {"PYTHONHASHSEED": str(seed), "PYTHONDONTWRITEBYTECODE": "1"}
    seen = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    names = [line for line in seen.stdout.splitlines() if "::" in line]
    assert names
    return names


def unsteady(folder: Path) -> list[str]:
    """Names that differ between two processes, a second or more apart and with other orders of sets; pytest-xdist ends when any does."""
    first = names_of_tests(folder, 1)
    time.sleep(1)
    return [f"{one} / {two}" for one, two in itertools.zip_longest(first, names_of_tests(folder, 2)) if one != two]


@pytest.mark.slow
def test_tests_have_the_same_names_in_every_process():
    """In all our tests."""
    assert unsteady(ROOT / "tests") == []


@pytest.mark.slow
@pytest.mark.parametrize("values", ["[gzip.compress(b'a')]", "[str(time.time())]", "list({'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'})"])
def test_a_name_by_the_clock_or_by_chance_is_caught(tmp_path, values):
    """A value with the time in it, or a set in the order of the process."""
    lines = f"import gzip, time, pytest\n@pytest.mark.parametrize('value', {values})\ndef test_it(value): pass\n"
    (tmp_path / "test_it.py").write_text(lines)
    assert unsteady(tmp_path)
