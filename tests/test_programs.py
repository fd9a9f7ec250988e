"""Candidates in other languages: what they do wrong becomes a verdict with its reason, and nothing waits for them beyond its limit."""

import base64
import contextlib
import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from support import trueto

from trueto.errors import UsageError, WorkerError
from trueto.events import RunWriter
from trueto.fixtures import tape
from trueto.ledger import Ledger
from trueto.model import Verdict
from trueto.references import reference
from trueto.running.client import Limits, Worker
from trueto.running.gate import Gate, run_all
from trueto.running.plan import Selection
from trueto.running.profiles import profile
from trueto.settings import data_root
from trueto.workers import program
from trueto.workers.conversation import Conversation, Ended
from trueto.workers.program_file import read_program
from trueto.workers.protocol import run_request
from trueto.workers.walls import Walls

HERE = Path(__file__).parent
EULER = HERE / "programs" / "euler.py"
SCHEMA = json.loads((Path(program.__file__).parent / "program.schema.json").read_text())
EXAMPLES = HERE.parent / "examples"
BROKEN, DRIFTED = Verdict.BROKEN, Verdict.DRIFTED
LAYERS = ("schedule", "start", "update", "trajectory")
QUICK = Limits(seconds=2.0, bytes=1 << 28)

# What each behaviour of tests/programs/euler.py becomes: verdict, cause, and words that its reason must have.
BECOMES = {
    "drifts": (DRIFTED, "algorithm", "times the original's own rounding"),
    "answers_with_another_cell": (DRIFTED, "algorithm", ""),
    "crashes": (BROKEN, "crash", "died by SIGSEGV"),
    "exits_midway": (BROKEN, "crash", "exited with status 3"),
    "raises": (BROKEN, "crash", "exited with status 1: ValueError: sigma must be positive"),
    "reports_an_error": (BROKEN, "exception", "ValueError: sigma must be positive"),
    "babbles": (BROKEN, "garbage", "is not JSON: 'Loading pipeline... 100%'"),
    "answers_a_list": (BROKEN, "garbage", "not a JSON object"),
    "is_silent": (BROKEN, "time-out", "time-out"),
    "is_slow": (BROKEN, "time-out", "time-out"),
    "asks_for_ever": (BROKEN, "time-out", "time-out"),
    "floods": (BROKEN, "garbage", "in one line"),
    "floods_lines": (BROKEN, "garbage", "step is None"),
    "closes_its_output": (BROKEN, "garbage", "closed its output"),
    "has_the_wrong_id": (BROKEN, "garbage", "answered another request"),
    "sends_too_much": (BROKEN, "garbage", "sample has 2000 bytes, expected 384: 2 x 4 x 4 x 3 numbers in float32"),
    "sends_too_little": (BROKEN, "garbage", "sample has 0 bytes, expected 384"),
    "sends_no_base64": (BROKEN, "garbage", "sample is not a tensor in base64"),
    "sends_no_result": (BROKEN, "garbage", "neither a question, an error nor a result: it has id, ok"),
    "names_no_kind": (BROKEN, "garbage", "level_kind is 'noise', expected sigma, alpha_bar, flow"),
    "tells_no_time": (BROKEN, "garbage", "t has None, expected a number"),
    "asks_for_the_golden": (BROKEN, "garbage", "asks for 'golden', expected network or noise"),
    "calls_nothing": (BROKEN, "no network call", "never calls the network"),
    "returns_nan": (BROKEN, "not finite", "NaN or infinite"),
    "eats_memory": (BROKEN, "memory", "memory"),
}
HARMLESS = ("faithful", "complains", "forks")


def toml_of(folder, behaviours, command=None):
    """The file of the program with a claim for each behaviour."""
    said = [f"command = {json.dumps(command or [sys.executable, str(EULER)])}\n"]
    for name in behaviours:
        row = {"id": f"k_diffusion/euler@{name}", "reference": "k_diffusion/euler", "implementation": name, "source": "s", "quote": "q"}
        said.append("[[claim]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in row.items()))
    path = folder / "program.toml"
    path.write_text("\n".join(said))
    return path


def gate_of(path, layers=("trajectory",), cases=("model-2",), limits=QUICK):
    """Judge a program; judgements by the claim's behaviour and layer."""
    gate = Gate(str(path), Selection(layers=layers, cases=cases), Ledger("", path.stem, ()), limits=limits)
    try:
        gate.open()
        found = run_all(gate, RunWriter(io.StringIO()), "test", "undeclared")
    finally:
        gate.close()
    return {(one.cell.claim.id.partition("@")[2] or one.cell.claim.implementation, str(one.cell.layer)): one for one in found}


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """The judgements on all behaviours, by the same workers, with a faithful one among them."""
    return gate_of(toml_of(tmp_path_factory.mktemp("programs"), [*BECOMES, *HARMLESS]))


@pytest.mark.parametrize("name", BECOMES)
def test_misbehaviour_of_a_program_becomes_its_verdict(everything, name):
    """Crash, garbage, silence, oversize, slow and foreign answers have the verdict, the cause and the reason that say so."""
    verdict, cause, words = BECOMES[name]
    seen = everything[name, "trajectory"]
    assert (verdict, cause) == (seen.verdict, seen.cause), seen.reason
    assert words in seen.reason


@pytest.mark.parametrize("name", HARMLESS)
def test_what_a_program_does_besides_is_not_held_against_it(everything, name):
    """Complaints on standard error and children change no verdict."""
    assert everything[name, "trajectory"].verdict.same, everything[name, "trajectory"].reason


def test_no_child_of_a_program_outlives_the_gate(everything):
    """Whatever a program started is ended with it."""
    assert everything
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(entry.read_bytes())
    assert [] == [line for line in found if b"3600.25" in line or str(EULER).encode() in line]


def test_second_answer_is_not_the_next_runs(tmp_path):
    """An answer that nobody asked for makes the next run broken; it is never taken for its result."""
    seen = gate_of(toml_of(tmp_path, ["answers_twice"]), layers=LAYERS)
    assert {"broken"} == {str(one.verdict) for (_, layer), one in seen.items() if layer == "update"}
    assert "answered another request" in seen["answers_twice", "update"].reason


def test_program_cannot_read_goldens(tmp_path, monkeypatch):
    """A program that looks up what the original returned is refused by the kernel."""
    if not Walls().stand:
        pytest.skip("this kernel has no Landlock")
    monkeypatch.setenv("GOLDEN", str(data_root() / "references" / "k_diffusion" / "goldens" / "euler.safetensors"))
    seen = gate_of(toml_of(tmp_path, ["reads_goldens"]))["reads_goldens", "trajectory"]
    assert (BROKEN, True) == (seen.verdict, "PermissionError" in seen.reason), seen.reason


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 3", "exited with status 3"),
        ("echo 'node: command not found' >&2; exit 127", "exited with status 127: node: command not found"),
        ("read line; echo welcome", "garbage: its answer is not JSON: 'welcome'"),
        ("""read line; echo '{"id": 0, "contract": 2}'""", "answers hello with contract 2, expected 1"),
        ("""read line; echo '{"id": 0, "contract": 1}'""", "without a version"),
        ("read line; exec sleep 60", "time-out"),
    ],
)
def test_program_that_does_not_say_hello(tmp_path, monkeypatch, script, words):
    """A program that cannot say who it is has its own words in the error, within the time limit."""
    monkeypatch.setattr(program, "HELLO_SECONDS", 1.0)
    found = program.Program(read_program(toml_of(tmp_path, ["faithful"], ["sh", "-c", script])))
    try:
        with pytest.raises(Ended, match=words):
            found.hello()
    finally:
        found.close()


def test_program_that_is_not_there(tmp_path):
    """A command that does not exist ends the gate before any cell, with the command."""
    worker = Worker(str(toml_of(tmp_path, ["faithful"], ["no-such-interpreter", "x.js"])), profile("default"))
    try:
        with pytest.raises(WorkerError, match=r"cannot be started: no-such-interpreter x\.js: No such file or directory"):
            worker.describe()
    finally:
        worker.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("command = [", "is not TOML"),
        ('command = "node x.js"\n', "expected a list of words"),
        ('command = ["node"]\n', "claims nothing"),
        ('comand = ["node"]\n', "did you mean 'command'"),
        ('command = ["node"]\n[[claim]]\nreference = "k_diffusion/euler"\n', "lacks source, quote"),
        ('command = ["node"]\n[[claim]]\nreference = "a/b"\nsource = "s"\nquote = "q"\nlayers = ["updates"]\n', "did you mean 'update'"),
    ],
)
def test_file_of_a_program_that_is_wrong(tmp_path, text, words):
    """A wrong file is refused with what is wrong in it and what would be right."""
    path = tmp_path / "program.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        read_program(path)


def test_precision_that_a_program_does_not_have(tmp_path):
    """A program that knows float32 only has no float64 twin, and is judged by float32 alone."""
    path = tmp_path / "euler32.py"
    path.write_text(EULER.read_text().replace('["float32", "float64"]', '["float32"]'))
    seen = gate_of(toml_of(tmp_path, ["faithful", "drifts"], [sys.executable, str(path)]))
    assert seen["faithful", "trajectory"].verdict.same
    assert "not valid: " in seen["faithful", "trajectory"].evidence["twin"]["why"]
    assert DRIFTED is seen["drifts", "trajectory"].verdict


def faulty(tmp_path, example, old, new):
    """A copy of an example with one change in its program; the path of its file."""
    folder = tmp_path / example
    shutil.copytree(EXAMPLES / example, folder)
    source = next(path for path in folder.iterdir() if path.suffix not in (".toml", ".md"))
    assert 1 == source.read_text().count(old)
    source.write_text(source.read_text().replace(old, new))
    return next(folder.glob("*.toml"))


needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
needs_perl = pytest.mark.skipif(shutil.which("perl") is None, reason="perl is not installed")


@needs_node
def test_example_in_javascript_is_the_original_layer_by_layer():
    """Both samplers of the example, in under 150 lines, are the same as their originals in every layer that they claim."""
    assert len((EXAMPLES / "javascript" / "samplers.mjs").read_text().splitlines()) < 150
    seen = gate_of(EXAMPLES / "javascript" / "samplers.toml", LAYERS, ("model-2", "karras-20", "v-15", "linear-15"), Limits())
    assert {(name, layer) for name in ("euler", "dpmpp2m") for layer in LAYERS} == set(seen)
    assert [] == [one.reason for one in seen.values() if not one.verdict.same]


@needs_node
@pytest.mark.parametrize(
    ("old", "new", "layers"),
    [
        ("(1 - ramp);", "(1 - ramp) * 0.999;", {"schedule", "start", "trajectory"}),
        ("value * sigmas[0]);", "value * Math.sqrt(sigmas[0] ** 2 + 1));", {"start", "trajectory"}),
        ("const r = hLast / h;", "const r = 1;", {"update", "trajectory"}),
        ("low + Math.min(Math.max(weight, 0), 1)", "Math.round(low + weight)", {"schedule", "trajectory"}),
    ],
)
def test_fault_in_the_example_is_found_in_its_layer(tmp_path, old, new, layers):
    """A wrong grid, start, coefficient or time told is found in the layer that it is in, and in what follows from it."""
    seen = gate_of(faulty(tmp_path, "javascript", old, new), LAYERS, ("model-7",), Limits())
    assert layers == {layer for (name, layer), one in seen.items() if name == "dpmpp2m" and one.verdict is DRIFTED}


@needs_perl
def test_example_in_perl_is_the_original_and_its_fault_is_not(tmp_path):
    """Euler's method in Perl is the original's; with one wrong coefficient it drifts in update and trajectory."""
    cases = ("model-2", "model-7")
    seen = gate_of(EXAMPLES / "perl" / "euler.toml", LAYERS, cases, Limits())
    assert [] == [one.reason for one in seen.values() if not one.verdict.same]
    seen = gate_of(faulty(tmp_path, "perl", "* $dt }", "* $dt * 1.0001 }"), LAYERS, ("model-7",), Limits())
    assert {"update", "trajectory"} == {layer for (_, layer), one in seen.items() if one.verdict is DRIFTED}


def exchanged(tmp_path, monkeypatch, behaviours):
    """Both sides' messages in a run of each behaviour."""
    heard = []
    exchange = Conversation.exchange

    def listened(self, message, *limits):
        said = exchange(self, message, *limits)
        heard.extend((message, said))
        return said

    monkeypatch.setattr(Conversation, "exchange", listened)
    found = program.Program(read_program(toml_of(tmp_path, behaviours)))
    case, default = reference("k_diffusion/euler").case("model-2"), profile("default").to_json()
    try:
        for number, claim in enumerate(found.file.claims):
            output, limits = tmp_path / "run.safetensors", QUICK.to_json()
            found.run(run_request(number + 1, claim, case, "closed", default, twin=False, output=output, limits=limits))
    finally:
        found.close()
    return heard


def problems(message):
    """What the schema for authors has against a message."""
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(message)]


def test_what_is_said_has_the_form_of_the_schema(tmp_path, monkeypatch):
    """Every message of a whole run, of one that draws noise and of one that reports an error, is what the schema for authors says."""
    heard = exchanged(tmp_path, monkeypatch, ["faithful", "draws", "reports_an_error"])
    assert {"hello", "sample"} == {message["op"] for message in heard if "op" in message}
    assert [] == [found for message in heard for found in problems(message)]


def test_schema_can_say_no(tmp_path, monkeypatch):
    """What the harness refuses, the schema refuses as well."""
    for name in ("tells_no_time", "asks_for_the_golden", "names_no_kind", "sends_no_base64", "sends_no_result"):
        assert problems(exchanged(tmp_path, monkeypatch, [name])[-1]), name


def test_noise_comes_from_the_tape(tmp_path, monkeypatch):
    """Draws that a program asks for are the recorded ones, keyed by step and order in it."""
    heard = exchanged(tmp_path, monkeypatch, ["draws"])
    given = [np.frombuffer(base64.b64decode(m["value"]), "<f4") for m in heard if "value" in m]
    drawn = tape(0, (2, 4, 4, 3))
    assert [drawn.draw(step, order).tobytes() for step, order in ((0, 0), (0, 1), (1, 0))] == [one.tobytes() for one in given]


def test_command_line_judges_a_program(tmp_path):
    """`trueto gate FILE.toml` judges it, and a file that is not there is said so."""
    path = toml_of(tmp_path, ["faithful"])
    done = trueto("gate", str(path), "--case", "model-2", cwd=tmp_path)
    assert 0 == done.returncode, done.stderr
    assert "4 cells: 4 same" in done.stdout
    missing = trueto("gate", "nothing.toml", cwd=tmp_path)
    assert (4, True) == (missing.returncode, "candidate file nothing.toml does not exist" in missing.stderr)
