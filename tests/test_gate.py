"""The gate as users run it: exit codes, formats, selections, and what is said when something cannot be done."""

import itertools
import json
import os
import threading
from importlib.resources import files
from xml.etree import ElementTree

import jsonschema
import pytest
import support
from support import BASE, HOSTILE, lines, plugin_option, program, trueto

from trueto.errors import UsageError
from trueto.model import LAYERS, Verdict
from trueto.references import reference
from trueto.running import entry
from trueto.running.gate import exit_code
from trueto.running.profiles import profile
from trueto.running.search import EVERY
from trueto.settings import GATE_OPTIONS, data_root

BAD = (Verdict.DRIFTED, Verdict.STALE, Verdict.BROKEN)
UNKNOWN = (Verdict.UNJUDGED, Verdict.DISPUTED)
DECLARED = (Verdict.DECLARED, Verdict.DECLARED_UNEXPLAINED)
FINE = (Verdict.IDENTICAL, Verdict.FAITHFUL, Verdict.BEYOND)
ONE = ("--claim", "k_diffusion/euler", "--case", "model-2", "--jobs", "1")


def drifting(*more):
    """A gate of the candidate that is off by a thousandth, on one cell."""
    return ("gate", str(HOSTILE / "drifts.py"), "--case", "model-2", "--layer", "trajectory", "--jobs", "1", *more)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_its_exit_code(verdict):
    """1 for what must not be, 2 for what could not be judged, 0 for the rest; no verdict is forgotten."""
    wanted = 1 if verdict in BAD else 2 if verdict in UNKNOWN else 0
    assert wanted == exit_code({verdict: 1, Verdict.FAITHFUL: 5}, "undeclared")


def test_first_of_1_2_0_wins():
    """A difference is told before something unknown, something unknown before green."""
    for bad, unknown, fine in itertools.product(BAD, UNKNOWN, (*FINE, *DECLARED)):
        assert 1 == exit_code({fine: 3, unknown: 1, bad: 1}, "undeclared")
        assert 2 == exit_code({fine: 3, unknown: 1}, "undeclared")


@pytest.mark.parametrize("verdict", DECLARED)
def test_fail_on_any_fails_on_declared_differences_too(verdict):
    """--fail-on any makes a declared difference red."""
    assert 1 == exit_code({verdict: 1}, "any")


def test_fail_on_none_excuses_differences_and_nothing_else():
    """--fail-on none never fails on a difference, but what could not be judged is still not green."""
    assert 0 == exit_code({Verdict.DRIFTED: 1, Verdict.BROKEN: 1}, "none")
    assert 2 == exit_code({Verdict.DRIFTED: 1, Verdict.UNJUDGED: 1}, "none")


def test_verdicts_with_count_zero_do_not_count():
    """A verdict that no cell has decides nothing."""
    assert 0 == exit_code({Verdict.DRIFTED: 0, Verdict.FAITHFUL: 1}, "undeclared")


@pytest.fixture(scope="module")
def faithful(tmp_path_factory):
    """A whole small gate of the faithful port: what it printed, and its record."""
    folder = tmp_path_factory.mktemp("faithful")
    return trueto(
        "gate", BASE, "--case", "model-2", "--case", "model-20", "--case", "karras-20", "--record", "run.jsonl", cwd=folder
    ), folder / "run.jsonl"


def test_faithful_port_passes(faithful):
    """A port that does what the original does passes in every layer, native and twin, with exit code 0."""
    done, record = faithful
    assert 0 == done.returncode, done.stdout + done.stderr
    cells = [event for event in lines(record) if event["event"] == "cell"]
    assert {"schedule", "start", "update", "trajectory", "noise"} == {found["layer"] for found in cells}
    assert {"identical", "faithful"} == {found["verdict"] for found in cells}
    twins = [found["evidence"]["twin"] for found in cells if found["layer"] in ("update", "trajectory")]
    assert all(twin["valid"] and twin["agrees"] for twin in twins)
    assert f"{len(cells)} cells: {len(cells)} same, 0 declared · exit 0" in done.stdout


def test_run_record_follows_its_schema(faithful):
    """Every line of a real run record is valid, and the schema rejects a line with a field too many, too few or wrong."""
    schema = json.loads(files("trueto").joinpath("run-record.schema.json").read_text())
    check = jsonschema.Draft202012Validator(schema)
    events = lines(faithful[1])
    assert [] == [error.message for event in events for error in check.iter_errors(event)]
    found = next(event for event in events if event["event"] == "cell")
    for wrong in (
        {**found, "mood": "good"},
        {k: v for k, v in found.items() if k != "ratio"},
        {**found, "verdict": "fine"},
        {**found, "seed": "0"},
    ):
        assert not check.is_valid(wrong)


def test_command_of_a_cell_repeats_it(faithful, tmp_path):
    """The command that the record names judges exactly that one cell."""
    found = next(event for event in lines(faithful[1]) if event["event"] == "cell" and event["layer"] == "start")
    program_name, *arguments = found["evidence"]["command"].split()
    assert "trueto" == program_name
    done = trueto(*arguments, "--record", "again.jsonl", cwd=tmp_path)
    assert 0 == done.returncode, done.stderr
    assert [found["layer"]] == [event["layer"] for event in lines(tmp_path / "again.jsonl") if event["event"] == "cell"]


def test_undeclared_difference(tmp_path):
    """One undeclared difference is exit code 1; the screen says what, how far and how to repeat or declare it."""
    done = trueto(*drifting(), cwd=tmp_path)
    assert 1 == done.returncode, done.stdout + done.stderr
    for words in ("DRIFTED", "times the original's own rounding", "grey levels", "repeat", "--claim k_diffusion/euler@drifts", "declare"):
        assert words in done.stdout
    origin = reference("k_diffusion/euler").origin
    assert f"original      sample_euler  {origin['link']}\n" in done.stdout
    assert "#L" in origin["link"]


def test_formats(tmp_path):
    """Json and junit print that format and nothing else, to the terminal or to --output; --fail-on none excuses the difference."""
    done = trueto(*drifting("--format", "json", "--fail-on", "none"), cwd=tmp_path)
    shown = json.loads(done.stdout)
    cells = shown if isinstance(shown, list) else shown["cells"]
    assert (0, ["drifted"]) == (done.returncode, [found["verdict"] for found in cells])
    wanted = [
        "candidate",
        "version",
        "reference",
        "layer",
        "case",
        "seed",
        "profile",
        "verdict",
        "drift",
        "floor",
        "ratio",
        "size",
        "first_step",
        "cause",
        "reason",
    ]
    assert [] == [field for field in wanted if field not in cells[0]]
    done = trueto(*drifting("--format", "junit", "--output", "out/junit.xml"), cwd=tmp_path)
    tree = ElementTree.fromstring((tmp_path / "out/junit.xml").read_text())  # noqa: S314 - our own file
    assert (1, 1) == (done.returncode, len(tree.findall(".//failure")))


def test_library_that_is_not_installed(tmp_path):
    """A built-in candidate whose library is missing says so, with the command that installs it; never green."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.metadata as m\nreal = m.version\n"
        "def version(name):\n    if name == 'diffusers':\n        raise m.PackageNotFoundError(name)\n"
        "    return real(name)\nm.version = version\n"
    )
    done = trueto("gate", "diffusers", cwd=tmp_path, PYTHONPATH=f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    assert 2 == done.returncode
    assert "diffusers is not installed" in done.stderr
    assert "pip install 'trueto[diffusers]'" in done.stderr


def test_profile_that_cannot_run_here_is_unjudged(tmp_path, monkeypatch):
    """A profile named explicitly and absent gives unjudged cells and exit code 2, without starting the library."""
    if not entry.absent(profile("cuda")):
        pytest.skip("this machine has a GPU")
    done = trueto("gate", BASE, *ONE, "--profile", "cuda", "--record", "r.jsonl", cwd=tmp_path)
    assert 2 == done.returncode, done.stdout
    cells = [event for event in lines(tmp_path / "r.jsonl") if event["event"] == "cell"]
    assert {"unjudged"} == {found["verdict"] for found in cells}
    assert {"profile"} == {found["cause"] for found in cells}
    assert all("has no NVIDIA GPU" in found["reason"] for found in cells)


def test_profile_all_runs_what_can_run_and_notes_the_rest(tmp_path, monkeypatch):
    """`--profile all` plans the profiles that this machine has, and the record lists the others with the reason."""
    monkeypatch.setattr(entry, "profile_names", lambda: ("default", "cuda"))
    monkeypatch.setattr(entry, "absent", lambda chosen: "no GPU" if chosen.id == "cuda" else "")
    options = {option.name: () if option.multiple else option.default for option in GATE_OPTIONS}
    gate, _ = entry.open_gate(BASE, {**options, "profile": ("all",), "quick": False}, str(tmp_path / "r.jsonl"))
    gate.close()
    assert {"default"} == {planned.profile for planned in gate.cells}
    assert {"cuda": "no GPU"} == gate.skipped


@pytest.mark.parametrize(("chosen", "record"), [({"reference": ("nope",)}, "r.jsonl"), ({}, ".")])
def test_a_gate_that_cannot_be_opened_leaves_nothing_running(tmp_path, chosen, record):
    """The worker that has said who it is goes on to load; it ends with the error, and so does the thread that hands it runs."""
    options = {option.name: () if option.multiple else option.default for option in GATE_OPTIONS}
    before = threading.active_count()
    with pytest.raises(UsageError):
        entry.open_gate(BASE, {**options, **chosen}, str(tmp_path / record))
    assert before == threading.active_count()


def test_damaged_golden_is_unjudged(root, tmp_path):
    """Cells whose golden is damaged are unjudged with the file's name, exit code 2; other references are judged."""
    path = root / "references/k_diffusion/goldens/euler.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    done = trueto("gate", BASE, "--case", "model-2", "--layer", "start", "--record", "r.jsonl", cwd=tmp_path, TRUETO_ROOT=str(root))
    assert 2 == done.returncode, done.stdout + done.stderr
    cells = {event["reference"]: event for event in lines(tmp_path / "r.jsonl") if event["event"] == "cell"}
    assert "unjudged" == cells["k_diffusion/euler"]["verdict"]
    assert "euler.safetensors is damaged" in cells["k_diffusion/euler"]["reason"]
    assert cells["k_diffusion/dpmpp_2m"]["verdict"] in ("identical", "faithful")


def test_damaged_fixture_ends_the_gate(root, tmp_path):
    """A damaged X is said at once, naming the file and what to type, with exit code 2."""
    path = root / "fixtures/noise/data/noise.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    done = trueto("gate", BASE, *ONE, cwd=tmp_path, TRUETO_ROOT=str(root))
    assert 2 == done.returncode
    assert "noise.safetensors is damaged" in done.stderr
    assert "dvc pull" in done.stderr


def test_users_pytest_settings_do_not_reach_the_gate(tmp_path):
    """PYTEST_ADDOPTS and a pytest.ini or conftest.py where the user stands deselect nothing."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -k nothing --no-such-option\n")
    (tmp_path / "conftest.py").write_text("raise RuntimeError('not ours')\n")
    done = trueto("gate", BASE, *ONE, "--layer", "start", cwd=tmp_path, PYTEST_ADDOPTS="-k nothing", PYTEST_PLUGINS="no_such_plugin")
    assert 0 == done.returncode, done.stdout + done.stderr


def test_harness_failure_is_exit_code_3(root, tmp_path):
    """When trueto itself fails in the middle, what was judged is kept, the run is incomplete, the reason is said, and nothing is green."""
    suite = root / "suites/test_update.py"
    suite.write_text(suite.read_text().replace("    judged(cell)", "    raise RuntimeError('ours')"))
    done = trueto("gate", BASE, *ONE, "--record", "r.jsonl", cwd=tmp_path, TRUETO_ROOT=str(root))
    assert 3 == done.returncode, done.stdout + done.stderr
    assert "the run is incomplete (trueto itself failed: test_update[" in done.stderr
    assert "RuntimeError: ours (test_update.py:" in done.stderr
    events = lines(tmp_path / "r.jsonl")
    assert "end" not in {event["event"] for event in events}
    assert "cell" in {event["event"] for event in events}


def test_a_failure_before_the_first_cell_tells_nothing_of_an_older_run(root, tmp_path):
    """Where no cell was judged, the record that lies there is of another run: it is not shown as this one's result."""
    said = trueto("gate", BASE, *ONE, "--record", "r.jsonl", cwd=tmp_path)
    assert 0 == said.returncode, said.stderr
    suite = root / "suites/test_update.py"
    suite.write_text("raise RuntimeError('ours')\n")
    done = trueto("gate", BASE, *ONE, "--record", "r.jsonl", cwd=tmp_path, TRUETO_ROOT=str(root))
    assert 3 == done.returncode, done.stdout + done.stderr
    assert not done.stdout.strip()
    assert "the run is incomplete (trueto itself failed" in done.stderr


def test_cells_are_judged_in_the_order_in_which_their_runs_are_asked_for(tmp_path):
    """Judging keeps up with the workers: case by case, not suite by suite."""
    done = trueto("gate", BASE, "--record", "r.jsonl", cwd=tmp_path)
    assert 0 == done.returncode, done.stderr
    cells = [(event["claim"], event["case"]) for event in lines(tmp_path / "r.jsonl") if event["event"] == "cell"]
    changes = sum(a != b for a, b in itertools.pairwise(cells))
    assert len(set(cells)) - 1 == changes
    assert changes


@pytest.mark.parametrize(("file", "code"), [("base", 0), ("drifts", 1), ("difusers", 4)])
def test_same_cells_run_under_pytest(tmp_path, file, code):
    """`pytest --trueto-candidate X suites/` judges the same cells inside a library's own test run."""
    candidate = str(HOSTILE / f"{file}.py")
    options = [
        "--trueto-candidate",
        candidate,
        "--trueto-case",
        "model-2",
        "--trueto-layer",
        "trajectory",
        "--trueto-record",
        "r.jsonl",
        "--trueto-jobs",
        "1",
    ]
    done = program("pytest", *plugin_option(), "-q", *options, str(data_root() / "suites"), cwd=tmp_path)
    assert code == done.returncode, done.stdout + done.stderr
    if code == 4:
        assert "does not exist" in done.stdout + done.stderr
    else:
        assert code == lines(tmp_path / "r.jsonl")[-1]["exit_code"]
    if code == 1:
        assert "DRIFTED" in done.stdout


def test_suites_without_a_candidate_are_skipped(tmp_path):
    """`pytest suites/` without a candidate skips and says how to name one."""
    done = program("pytest", *plugin_option(), "-q", "-rs", str(data_root() / "suites"), cwd=tmp_path)
    assert f"{len(LAYERS) + len(EVERY)} skipped" in done.stdout


@pytest.mark.slow
def test_real_diffusers_gate(tmp_path):
    """The installed diffusers is judged through the command line on a few cells; each difference is declared or said."""
    pytest.importorskip("diffusers")
    done = trueto(
        "gate",
        "diffusers",
        "--claim",
        "compvis/ddim",
        "--case",
        "uniform-20",
        "--claim",
        "k_diffusion/dpmpp_2m",
        "--case",
        "karras-20",
        "--record",
        "r.jsonl",
        cwd=tmp_path,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    cells = [event for event in lines(tmp_path / "r.jsonl") if event["event"] == "cell"]
    assert {"compvis/ddim", "k_diffusion/dpmpp_2m"} == {found["claim"] for found in cells}
    assert [] == [found["reason"] for found in cells if found["verdict"] in ("drifted", "stale", "broken", "unjudged")]
    assert support.HOSTILE.is_dir()
