"""What must stay light: the command line, the plugin and the judge load no heavy library."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "diffusers", "mlflow", "dvc", "scipy", "pandas", "matplotlib", "transformers", "torchsde")


def loaded(code):
    """The heavy libraries that a new interpreter has loaded after running `code`."""
    report = f"\nimport sys\nsys.stderr.write('|' + ' '.join(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    return done.stderr.rpartition("|")[2].split()


@pytest.mark.parametrize(
    "code",
    [
        "import trueto.plugin",
        "import trueto.judge, trueto.events, trueto.references, trueto.running.gate, trueto.reports",
        "import trueto.candidates.diffusers",
        "from trueto.references import reference, reference_names\nfor n in reference_names(): reference(n)",
    ],
)
def test_imports_are_light(code):
    """Neither plugin, judge, gate, reports, references nor the diffusers adapter load a heavy library when imported."""
    assert [] == loaded(code)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["gate", "--help"], ["list", "profiles"], ["show", "compvis/plms"], ["list", "claims"]]
)
def test_commands_are_light(arguments):
    """Help, version, lists and cards load no heavy library, and the help does not even load numpy."""
    code = f"import sys\nsys.argv = ['trueto', *{arguments!r}]\nfrom trueto.cli import main\n"
    code += "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code"
    if arguments == ["--help"]:
        code += "\nassert 'numpy' not in sys.modules"
    assert [] == loaded(code)


def test_the_check_can_fail():
    """A heavy import is seen."""
    pytest.importorskip("scipy")
    assert ["scipy"] == loaded("import scipy")
