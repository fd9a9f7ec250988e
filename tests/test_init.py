"""`trueto init`: what it writes is judged as it is, and it overwrites nothing."""

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import trueto

from trueto.action.guard import look
from trueto.action.inputs import read_inputs
from trueto.candidates import chosen
from trueto.cli.init_command import command
from trueto.errors import UnknownName, UsageError

SAMPLERS = '''"""A library of one sampler."""


def euler(model, x, sigmas):
    """Euler's method."""
    for i in range(len(sigmas) - 1):
        x = x + (x - model(x, sigmas[i])) / sigmas[i] * (sigmas[i + 1] - sigmas[i])
    return x
'''
CLAIM = "k_diffusion/euler=mylib.samplers:euler"
FLAGS = ("--name", "numpy", "--claim", CLAIM, "--source", "README.md", "--quote", 'Euler, "as in" k-diffusion')


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a library in it, whose installed version is that of another distribution."""
    package = tmp_path / "mylib"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "samplers.py").write_text(SAMPLERS)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mylib"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*arguments, answers=None, **options):
    """`trueto init ...` in this folder."""
    return CliRunner().invoke(command, arguments, input=answers, standalone_mode=False, **options)


def test_what_is_written_is_judged(project):
    """With flags nothing is asked; smoke and gate then need no argument, and a fault in the library is found in its layer."""
    done = init(*FLAGS)
    assert done.exception is None, done.output
    assert {"candidate": "trueto_adapter.py"} == tomllib.loads(Path("pyproject.toml").read_text())["tool"]["trueto"]
    said = trueto("smoke", cwd=project)
    assert (0, True) == (said.returncode, "1 of 1 claims run" in said.stdout), said.stdout + said.stderr
    said = trueto("gate", "--case", "model-7", cwd=project)
    assert (0, True) == (said.returncode, "3 cells: 3 same" in said.stdout), said.stdout + said.stderr
    samplers = project / "mylib" / "samplers.py"
    samplers.write_text(samplers.read_text().replace("x = x + ", "x = x + 1.001 * "))
    said = trueto("gate", "--case", "model-7", cwd=project)
    assert (1, True) == (said.returncode, "3 cells: 1 same, 0 declared, 2 drifted" in said.stdout), said.stdout + said.stderr


def test_questions(project):
    """Without flags it asks, and what is answered is what is written."""
    done = init(answers=f"mylib\n{CLAIM}\n\nREADME.md\nEuler's method\n")
    assert done.exception is None, done.output
    written = (project / "trueto_adapter.py").read_text()
    for words in ('"mylib"', '"k_diffusion/euler": "mylib.samplers:euler"', 'source="README.md"', 'quote="Euler\'s method"'):
        assert words in written


def test_a_wrong_answer_is_asked_for_again(project):
    """A mistyped original is named with the nearest one, and the answers before it are not lost."""
    done = init(answers=f"mylib\nk_diffusion/eular=mylib.samplers:euler\n{CLAIM}\n\nREADME.md\nEuler's method\n")
    assert done.exception is None, done.output
    assert "did you mean 'k_diffusion/euler'?" in done.stderr
    assert '"k_diffusion/euler": "mylib.samplers:euler"' in (project / "trueto_adapter.py").read_text()


def test_nothing_is_overwritten(project):
    """Where one of the files is there already, none is written."""
    (project / "deviations.toml").write_text("mine")
    assert isinstance(init(*FLAGS).exception, UsageError)
    assert ("mine", False) == ((project / "deviations.toml").read_text(), (project / "trueto_adapter.py").exists())


BROKEN = [
    (b"[tool", "is not TOML"),
    (b"\xff\xfe", "is not TOML"),
    (b'tool = "x"', "tool is 'x', expected a table"),
    (b'[tool]\ntrueto = "x"', "tool.trueto is 'x', expected a table"),
    (b"[[tool.trueto]]", "tool.trueto is [{}], expected a table"),
]


@pytest.mark.parametrize(("text", "words"), BROKEN)
def test_a_project_file_that_cannot_be_read_is_a_mistake_of_its_writer(project, monkeypatch, text, words):
    """Whoever reads it says what is wrong where, and what to write; nothing is written, and nothing is trueto's own fault."""
    file = project / "pyproject.toml"
    file.write_bytes(text)
    inputs = read_inputs({"GITHUB_WORKSPACE": str(project)})
    for read in (lambda: chosen(None), lambda: look(inputs), lambda: init(*FLAGS, catch_exceptions=False)):
        with pytest.raises(UsageError) as caught:
            read()
        assert (True, 4) == (f"pyproject.toml{'' if 'TOML' in words else ':'} {words}" in caught.value.message, caught.value.exit_code)
        assert caught.value.hint
    assert (text, ["mylib", "pyproject.toml"]) == (file.read_bytes(), sorted(path.name for path in project.iterdir()))


@pytest.mark.parametrize("text", [b"[project", b"project = 1"])
def test_the_name_of_a_project_is_not_guessed(project, text):
    """The file that says it has to be one, before anything is asked."""
    (project / "pyproject.toml").write_bytes(text)
    assert isinstance(init(answers="").exception, UsageError)


@pytest.mark.parametrize(
    ("claim", "kind", "words"),
    [
        ("k_diffusion/eular=m:f", UnknownName, "did you mean 'k_diffusion/euler'"),
        ("compvis/plms=m:f", UsageError, "needs one of your own"),
        ("k_diffusion/euler=mylib.euler", UsageError, "expected module:function"),
        ("k_diffusion/euler", UsageError, "expected module:function"),
    ],
)
def test_claim_that_cannot_be_written(project, claim, kind, words):
    """A claim on nothing known, or of nothing, is said before anything is written."""
    found = init("--name", "mylib", "--claim", claim, "--source", "s", "--quote", "q").exception
    assert (True, True) == (isinstance(found, kind), words in str(found)), found
    assert ["mylib", "pyproject.toml"] == sorted(path.name for path in project.iterdir())


def test_workflow_is_pinned_and_reads_only(project):
    """Actions are pinned by commit, and the token can read only."""
    init(*FLAGS)
    text = (project / ".github" / "workflows" / "trueto.yml").read_text()
    used = [line.partition("uses: ")[2].partition(" ")[0] for line in text.splitlines() if "uses: " in line]
    assert [40, 40] == [len(one.partition("@")[2]) for one in used]
    assert "permissions:\n  contents: read\n" in text


def test_input_that_ends_too_early_is_told(project):
    """Without a terminal, and without all options or answers, it says what to type, and writes nothing."""
    before = sorted(project.iterdir())
    found = init("--name", "mylib").exception
    assert isinstance(found, UsageError)
    assert "the input ended" in str(found)
    assert sorted(project.iterdir()) == before


def test_the_name_is_that_of_pyproject(project):
    """The folder can have any name; what is installed is what pyproject.toml says."""
    Path("pyproject.toml").write_text('[project]\nname = "another"\nversion = "1"\n')
    assert init(answers=f"\n{CLAIM}\n\nREADME.md\nEuler's method\n").exit_code == 0
    assert '"another"' in (project / "trueto_adapter.py").read_text()
