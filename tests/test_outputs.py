"""Named outputs: recorded from an original, held value by value against a candidate's, and features that must change nothing."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import support
from support import lines, trueto
from toy_network import CANDIDATE, NET, recorded

from trueto.fixtures.numbers import normal, parameter, whole
from trueto.ledger import Ledger
from trueto.model import Cell, Claim, Layer, Verdict
from trueto.observe import StepError
from trueto.outputs import Outputs
from trueto.recording.recorder import _outputs_beyond_floor
from trueto.references import load_golden, reference
from trueto.running.client import Outcome
from trueto.running.likewise import compare_outputs
from trueto.running.outputs import Calls, judge_outputs
from trueto.running.profiles import profile
from trueto.store import read_header, read_tensors

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """The toy network recorded, and the run record of a gate of its ports: (root, cells by claim and case)."""
    folder = tmp_path_factory.mktemp("outputs")
    root, source = recorded(folder)
    (folder / "port.py").write_text(CANDIDATE)
    (folder / "deviations.toml").write_text(
        'candidate = "port"\n[[deviation]]\nreference = "toy/net"\nclaims = ["*@sigmoid", "*@forgets"]\n'
        'layers = ["module"]\ncases = ["toy"]\n'
        'variant = "smooth=sigmoid"\nreason = "smoother"\nowner = "us"\nsince = "1.0"\n'
    )
    gate = trueto("gate", str(folder / "port.py"), "--output", str(folder / "gate.txt"), cwd=folder, TRUETO_ROOT=str(root))
    assert 1 == gate.returncode, gate.stdout + gate.stderr
    record = next(folder.glob("**/*.jsonl"))
    cells = {(event["claim"].partition("@")[2], event["case"]): event for event in lines(record) if event["event"] == "cell"}
    return root, source, cells


def test_recording_keeps_outputs_in_order_with_their_rounding(port):
    """A golden has every output in both precisions in the order given, its spread, variants, the refusal; and the parameters' shapes."""
    root, source, _ = port
    path = root / "references/toy/goldens/net.safetensors"
    header, tensors = read_header(path), read_tensors(path)
    assert (
        ["first", "norm", "out", "picked"]
        == json.loads(header["names.toy.outputs"])
        == json.loads(header["names.toy.outputs@smooth=sigmoid"])
    )
    assert "ValueError|not / for me|0" == header["outcome.refused.outputs.float32"]
    kinds = {tensors[f"toy/outputs/{dtype}/value/out"].dtype.name for dtype in ("float32", "float64")}
    assert {"float32", "float64"} == kinds
    assert "uint8" == tensors["toy/outputs/float32/value/picked"].dtype.name  # whole numbers that fit, and once for both precisions
    assert "toy/outputs/float64/value/picked" not in tensors
    assert (tensors["toy/outputs/float64/spread_rms"][:3] > 0).all()
    assert [8, 6] == json.loads((root / "references/toy/parameters.json").read_text())["net"]["first.weight"]
    done = trueto("record", "toy", "--source", str(source), "--check", cwd=root, TRUETO_ROOT=str(root))
    assert "every bit the same" in done.stdout, done.stdout + done.stderr


def test_float64_of_the_original_is_float64_throughout(port):
    """A cast to float32 inside the original is lifted: float64 outputs are not those of float32 widened."""
    tensors = read_tensors(port[0] / "references/toy/goldens/net.safetensors")
    wide = tensors["toy/outputs/float64/value/norm"]
    assert (wide != wide.astype(np.float32)).mean() > 0.9


@pytest.mark.parametrize(
    ("way", "verdict", "words"),
    [
        ("right", "same", "the same as the original"),
        ("eps", "drifted", "norm is the first that differs from the original, by"),
        ("hidden", "drifted", "out is the first that differs from the original in float64 only"),
        ("whole", "drifted", "picked is the first that differs from the original"),
        ("sigmoid", "declared", "smoother"),
        ("forgets", "broken", "does not give norm, which the original does"),
        ("shape", "broken", "first: shape (1, 2, 4) where the original has (1, 2, 8)"),
        ("nan", "broken", "out has NaN or infinite values"),
        ("raises", "broken", "raises ValueError: no"),
        ("text", "broken", "raises TypeError: output out is str of <U12, expected a tensor, an array or a number, and real"),
        ("nothing", "broken", "raises TypeError: output out is NoneType of object"),
        ("complex", "broken", "raises TypeError: output out is Tensor of complex64"),
    ],
)
def test_verdict_on_a_port(port, way, verdict, words):
    """A port of the network gets the verdict that is right, with the first output that parts."""
    cell = port[2][way, "toy"]
    seen = "same" if Verdict(cell["verdict"]).same else cell["verdict"]  # every bit or not: that hangs on the CPU
    assert (verdict, True) == (seen, words in cell["reason"]), cell["reason"]


def test_where_the_original_raises(port):
    """Where the original raises, raising is the same."""
    assert {"faithful"} == {port[2][way, "refused"]["verdict"] for way in ("right", "eps")}


@pytest.mark.parametrize(("binding", "own", "verdict"), [(False, False, "unjudged"), (True, False, "broken"), (False, True, "broken")])
def test_an_adapter_that_another_release_does_not_suit_says_nothing_of_it(binding, own, verdict):
    """As of samplers: what an adapter asks in vain of a release that it was not written for is no fault of the release."""
    raised = StepError("AttributeError", "no attribute 'from_single_file'", "places.py:1", own=own, at_call=0)
    ref = reference("compvis/unet")
    cell = Cell("mine", Claim(ref.id, ref.id, "i", "s", "q"), ref.cases[0], Layer.MODULE, "default")
    found = judge_outputs(
        cell, "1", ref, profile("default"), Calls(Outcome(None, raised=raised), None), Ledger("", "mine", (), binding=binding)
    )
    assert verdict == found.verdict, found.reason
    assert ("the adapter cannot run this release so" in found.reason) == (verdict == "unjudged")


def test_outputs_before_the_fault_are_said_to_be_the_same(port):
    """The place of the first output that parts, its name, and what came before it are in the record."""
    cell = port[2]["eps", "toy"]
    assert (1, ["first", "norm", "out", "picked"]) == (cell["first_step"], cell["evidence"]["names"])
    assert cell["reason"].endswith("; the one before it is the same")
    assert cell["evidence"]["ratios"][0] <= 5 < cell["evidence"]["ratios"][1]


@pytest.mark.parametrize(
    ("way", "verdict", "words"),
    [
        ("halves", "same", "the same as the same candidate with the feature off"),
        ("wrong", "drifted", "out is the first that differs from the same candidate with the feature off"),
        ("ignored", "unjudged", "nothing shows that it was at work"),
        ("always", "unjudged", "the feature was at work when it was off"),
    ],
)
def test_verdict_on_a_feature(port, way, verdict, words):
    """A feature changes nothing and proves that it was at work, or it is not green."""
    cell = port[2][way, "toy"]
    seen = "same" if Verdict(cell["verdict"]).same else cell["verdict"]  # every bit or not: that hangs on the CPU
    assert (verdict, True) == (seen, words in cell["reason"]), cell["reason"]


def test_the_report_says_of_a_switch_that_it_was_at_work(port, tmp_path):
    """The page of a switch speaks of on and off, not of an original, and says what proves that it was at work."""
    root, _, _ = port
    record = next(root.parent.glob("**/*.jsonl"))
    done = trueto("report", str(record), "--output", str(tmp_path), cwd=tmp_path, TRUETO_ROOT=str(root))
    assert 0 == done.returncode, done.stderr
    page = (tmp_path / "claims" / "features-halves-halves.html").read_text()
    assert [] == [said for said in ("with the switch on as off", "half multiplied: 1", "from the plain run") if said not in page]
    assert "computes what the original computes" not in page


def test_a_variant_declared_where_it_is_not_is_stale(port, tmp_path):
    """An entry for a difference that is not there makes the cell stale."""
    root, _, _ = port
    folder = root.parent
    ledger = (folder / "deviations.toml").read_text().replace('"*@sigmoid", "*@forgets"', '"*@right", "*@eps"')
    (tmp_path / "other.toml").write_text(ledger)
    arguments = ("gate", str(folder / "port.py"), "--ledger", str(tmp_path / "other.toml"), "--case", "toy", "--claim", "toy/net@[re]*")
    done = trueto(*arguments, cwd=tmp_path, TRUETO_ROOT=str(root))
    cells = {event["claim"].partition("@")[2]: event for event in lines(next(tmp_path.glob("**/*.jsonl"))) if event["event"] == "cell"}
    assert 1 == done.returncode
    assert {"right": "stale", "eps": "stale", "raises": "broken"} == {way: cell["verdict"] for way, cell in cells.items()}
    assert "is not the declared variant `smooth=sigmoid`" in cells["eps"]["reason"]


def test_commands_know_references_without_a_spec(port):
    """`show` prints the card, `verify` says that there is no spec, `list cases` names the layer, `explain` points to the gate."""
    root, _, _ = port
    show, verify, cases = (
        trueto(*arguments, cwd=root, TRUETO_ROOT=str(root))
        for arguments in (("show", "toy/net"), ("verify", "toy/net"), ("list", "cases", "toy/net"))
    )
    assert "activation" in show.stdout, show.stderr
    assert "verify" not in show.stdout
    assert (4, True) == (verify.returncode, "no spec to verify" in verify.stderr), verify.stderr
    assert "module" in cases.stdout, cases.stderr
    explain = trueto("explain", str(root.parent / "port.py"), "toy/net@eps:module:toy", cwd=root, TRUETO_ROOT=str(root))
    assert (4, True) == (explain.returncode, "the gate names the first of its outputs that parts" in explain.stderr), explain.stderr


def test_seeded_numbers_are_pinned():
    """Inputs and parameters are the same on every machine: sums of raw bits, with the mean and the variance of a normal one."""
    drawn = normal("0/x", (4, 50_000))
    assert (0.0, 1.0) == (round(float(drawn.mean()), 2), round(float(drawn.std()), 2))
    assert PINNED == [float(value) for value in (drawn[0, 0], drawn[3, -1], parameter("m", "norm.weight", (4,))[2])]
    assert WHOLE == whole("0/ids", (5,), 1000).tolist()


def test_a_shift_within_rounding_agrees_and_twice_the_factor_does_not():
    """Each output is held against its own floor, whatever its scale beside the others."""
    exact = Outputs({"large": np.full((2, 3), 1e6), "small": np.full((2, 3), 1e-6)})
    native = Outputs(
        {name: value.astype(np.float32) for name, value in exact.arrays.items()}, np.array([1.0, 1e-12]), np.array([1.0, 1e-12])
    )
    for shift, agrees in ((4e-12, True), (1e-11, False)):
        got = Outputs({"large": native.arrays["large"], "small": exact.arrays["small"] + shift})
        seen = compare_outputs(got, exact, native, "float32")
        assert (agrees, "small") == (seen.agrees, seen.what)


def eight_bits(picture, cut=np.trunc):
    """The 8-bit file of a picture from -1 to 1."""
    return cut(127.5 * (picture + 1)).astype(np.int64)


OFF = np.arange(3 * 24 * 24).reshape(1, 3, 24, 24)
PICTURED = np.random.default_rng(0).uniform(-1, 1, OFF.shape)


@pytest.mark.parametrize(
    ("file", "agrees"),
    [
        (eight_bits(PICTURED + np.random.default_rng(1).normal(0, 1e-5, OFF.shape)), True),  # of the picture moved by its own rounding
        (eight_bits(PICTURED) + (OFF == 7), True),
        (eight_bits(PICTURED) + 2 * (OFF == 7), False),
        (eight_bits(PICTURED) + (OFF % 20 == 0), False),
        (eight_bits(PICTURED, np.rint), False),
    ],
    ids=["moved", "one a level off", "one two levels off", "one in twenty a level off", "rounded"],
)
def test_an_8_bit_file_may_be_off_where_its_picture_may_be(file, agrees):
    """As many values as the picture's rounding can carry over, by one level each; a rule that cuts otherwise is a difference."""
    exact = Outputs({"image": PICTURED, "png": eight_bits(PICTURED)})
    native = Outputs({"image": PICTURED.astype(np.float32), "png": eight_bits(PICTURED)}, np.array([1e-5, 0.0]), np.array([4e-5, 0.0]))
    seen = compare_outputs(Outputs({"image": native.arrays["image"], "png": file}), exact, native, "float32")
    assert agrees is seen.agrees, seen.ratios


def test_each_8_bit_file_is_judged_by_its_own_picture():
    """Of two pictures the second has more rounding: its file may be off where the first one's may not; neither lends it to the other."""
    many = OFF % 50 == 0
    files = {"png": eight_bits(PICTURED), "png#2": eight_bits(PICTURED)}
    exact = Outputs({"image": PICTURED, "image#2": PICTURED, **files})
    spread = np.array([1e-7, 1e-3, 0.0, 0.0])
    native = Outputs({"image": PICTURED.astype(np.float32), "image#2": PICTURED.astype(np.float32), **files}, spread, spread)

    def agrees(**off):
        return compare_outputs(
            Outputs({**native.arrays, **{name: value + many for name, value in off.items()}}), exact, native, "float32"
        ).agrees

    assert (True, False) == (agrees(**{"png#2": files["png#2"]}), agrees(png=files["png"]))


@pytest.mark.parametrize(
    "draw",
    [
        lambda torch, dtype: torch.randn(3, 40, dtype=dtype),
        lambda torch, dtype: torch.randn_like(torch.zeros(3, 40, dtype=dtype)),
        lambda torch, dtype: torch.empty(3, 40, dtype=dtype).normal_(1.0, 2.0),
        lambda torch, dtype: torch.normal(torch.full((3, 40), 0.5, dtype=dtype), torch.full((3, 40), 2.0, dtype=dtype)),
    ],
    ids=["randn", "randn_like", "normal_", "normal"],
)
def test_one_seed_draws_the_same_in_both_precisions(draw):
    """The generator draws in float32 whatever is asked for, and the dtype is the one asked for; without that the numbers are others."""
    torch = pytest.importorskip("torch")
    from trueto.interpose import Interposer

    def drawn(dtype, *, watched=True):
        torch.manual_seed(0)
        if not watched:
            return draw(torch, dtype)
        with Interposer(None, torch.float64 if dtype == torch.float64 else None, lambda values: values):
            return draw(torch, dtype)

    narrow, wide = drawn(torch.float32), drawn(torch.float64)
    assert (torch.float32, torch.float64) == (narrow.dtype, wide.dtype)
    assert narrow.double().numpy().tobytes() == wide.numpy().tobytes()
    assert drawn(torch.float32, watched=False).numpy().tobytes() == narrow.numpy().tobytes()
    assert drawn(torch.float64, watched=False).numpy().tobytes() != wide.numpy().tobytes()


PINNED = [0.8500887155532837, 1.1130307912826538, 1.066928744316101]
WHOLE = [88, 992, 667, 149, 883]


@pytest.fixture(autouse=True, scope="module")
def forgotten():
    """Nothing that was read here is left to other tests."""
    yield
    support.forget()


def test_a_case_is_a_samplers_or_of_outputs(port, tmp_path):
    """A case of both kinds of layers, which nothing could run, is refused."""
    root, _, _ = port
    copy = tmp_path / "root"
    shutil.copytree(root, copy, symlinks=True)
    file = copy / "references/toy/net.py"
    file.write_text(NET.replace('layers=("module",)), Case', 'layers=("module", "update")), Case'))
    done = trueto("show", "toy/net", cwd=tmp_path, TRUETO_ROOT=str(copy))
    assert (2, True) == (done.returncode, "case toy are partly a sampler's, partly not" in done.stderr), done.stderr


@pytest.mark.parametrize(("moved", "said"), [(0.0, []), (1e-3, ["eps-plain float32: losses"])])
def test_a_recording_of_another_cpu_is_held_against_floors(moved, said):
    """Checked on a CPU with other bits, what both precisions share is read from where it is kept, and a value beyond its floor is named."""
    ref, old = reference("min_snr/training_losses"), load_golden("min_snr/training_losses")
    assert "eps-plain/outputs/float64/value/times" not in old.tensors
    quick = {key: value for key, value in old.tensors.items() if "/spread_" not in key}  # as `--check` records
    losses = "eps-plain/outputs/float32/value/losses"
    found = _outputs_beyond_floor(ref, old, replace(old, tensors={**quick, losses: quick[losses] + np.float32(moved)}))
    assert said == [line.partition(" by ")[0] for line in found]
