"""`--weights`: the original and a library on a checkpoint of the user's, in both forms, and goldens that are of no other weights."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import support
import toy_checkpoint
import toy_weighed
from support import lines, trueto

from trueto.checkpoints import open_checkpoint
from trueto.checkpoints.files import conversion
from trueto.errors import DataError, UnknownName, UsageError
from trueto.fixtures.numbers import parameter
from trueto.model import Verdict
from trueto.recording.weighed import asked
from trueto.references import load_golden
from trueto.running.plan import Selection
from trueto.running.weights import planned, refuse_together
from trueto.settings import data_root, offline_environment
from trueto.store import read_header, read_tensors

torch = pytest.importorskip("torch")
RECORDED = Path(__file__).parent / "recorded"
CASE = "plms-8-unguided"
BLOCK = "model.diffusion_model.middle_block.0.in_layers.2.weight"


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """The toy recorded on one case, then gated, then on the other: what was printed is kept beside it."""
    made = toy_weighed.Toy(tmp_path_factory.mktemp("weights"))
    made.first = made.record("--case", "first")
    made.too_early = made.gate()
    made.second = made.record("--case", "second")
    made.judged = made.gate("--record", "run.jsonl")
    return made


def test_recorded_beside_the_project_and_never_in_it(toy):
    """What the original returned lies in the user's folder under the digest of the weights, with provenance; references/ is as it was.

    Of the built-in candidates none claims the toy, so that the next command leaves its name open.
    """
    assert 0 == toy.first.returncode, toy.first.stdout + toy.first.stderr
    assert "next: trueto gate CANDIDATE --weights" in toy.first.stdout
    assert not (toy.root / "references/toy/goldens").exists()
    assert not (toy.root / "references/toy/parameters.json").exists()
    header = read_header(toy.golden)
    assert (toy.digest, "toy/net", "file") == (header["weights"], header["reference"], header["weights_form"])
    assert (1, 4, 6, 4) == read_tensors(toy.golden)["first/outputs/float32/value/latents"].shape


def test_recording_another_case_keeps_the_first(toy):
    """Cases are recorded one by one as time allows: those of an earlier recording stay."""
    assert 0 == toy.second.returncode, toy.second.stdout + toy.second.stderr
    assert {"first", "second"} == {key.partition("/")[0] for key in read_tensors(toy.golden)}


def test_cases_that_were_not_recorded_are_said_before_anything_runs(toy):
    """A gate on more than was recorded ends with the command that records the rest, and the one that judges what is there."""
    assert 2 == toy.too_early.returncode
    assert "these cases of toy/net are not yet recorded on these weights: second" in toy.too_early.stderr
    assert f"trueto record toy --source DIR --weights {toy.file} --reference toy/net --case second" in toy.too_early.stderr
    assert "--reference toy/net --case first" in toy.too_early.stderr


def test_ports_are_judged_on_the_weights(toy):
    """The port that is right is the same, the spoiled one drifted, in both precisions; what cannot run on weights is left out."""
    assert 1 == toy.judged.returncode, toy.judged.stdout + toy.judged.stderr
    events = lines(toy.folder / "run.jsonl")
    cells = [event for event in events if event["event"] == "cell"]
    verdicts = {(cell["claim"], cell["case"]): Verdict(cell["verdict"]) for cell in cells}
    assert {("toy/net@right", "first"), ("toy/net@right", "second")} == {key for key, verdict in verdicts.items() if verdict.same}
    assert {("toy/net@spoiled", "first"), ("toy/net@spoiled", "second")} == {key for key, verdict in verdicts.items() if verdict.bad}
    assert all(cell["evidence"]["twin"]["valid"] for cell in cells)
    assert all(f"--weights {toy.file}" in cell["evidence"]["command"] for cell in cells)
    assert toy.digest == events[0]["weights"]


def test_other_weights_are_not_judged_by_this_golden(toy, monkeypatch):
    """Weights that differ in one number have no golden: the error ends in the command that records them; a golden put there is refused."""
    monkeypatch.setenv("TRUETO_ROOT", str(toy.root))
    monkeypatch.setenv("TRUETO_GOLDENS", str(toy.folder / "kept"))
    support.forget()
    moved = {**toy.weights, BLOCK: toy.weights[BLOCK] + np.float32(1e-6)}
    other = open_checkpoint(toy_checkpoint.write_file(toy.folder / "other", moved))
    claims = [toy_claim()]
    with pytest.raises(DataError, match="toy/net not yet recorded on these weights") as refused:
        planned("port", claims, Selection(weights=str(other.path)), ())
    assert f"trueto record toy --source DIR --weights {other.path} --reference toy/net" == refused.value.hint
    shutil.copytree(toy.golden.parent, folder := toy.folder / f"kept/{other.digest()[:16]}/toy")
    with pytest.raises(DataError, match=f"its digest of the weights is {toy.digest[:12]}…, this trueto needs {other.digest()[:12]}…"):
        planned("port", claims, Selection(weights=str(other.path)), ())
    shutil.rmtree(folder.parent)
    (home := toy.root / "references/toy/goldens").mkdir()
    shutil.copy(toy.golden, home)
    shutil.copy(toy.golden.parent / "manifest.json", home.parent)
    with pytest.raises(DataError, match=r"its digest of the weights is .*…, this trueto needs none"):
        load_golden("toy/net")
    shutil.rmtree(home)
    support.forget()


def toy_claim():
    """A claim of the toy."""
    from trueto.model import Claim

    return Claim("toy/net", "toy/net", "right", "a", "b")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({BLOCK: None}, f"it lacks 1 ({BLOCK})"),
        ({"model.diffusion_model.more.weight": np.ones(2, np.float32)}, "it has besides 1 (model.diffusion_model.more.weight)"),
        ({"control.weight": np.ones(2, np.float32)}, "has 1 tensors that the original's model has not (control.weight)"),
        ({BLOCK: np.ones((2, 2), np.float32)}, f"it has in another shape 1 ({BLOCK} is (2, 2) and not (64, 64, 3, 3))"),
        ({"betas": np.ones(4, np.float32)}, "its betas is not that of Stable Diffusion v1: another noise schedule"),
        ({"betas": torch.linspace(0.1, 0.9, 4, dtype=torch.float32).numpy()}, ""),
    ],
)
def test_the_original_takes_its_own_weights_and_no_others(toy, tmp_path, change, words):
    """Missing and additional weights, other shapes and another noise schedule are refused by name; the original's own table is taken."""
    held = {name: value for name, value in {**toy.weights, **change}.items() if value is not None}
    done = toy.record("--case", "first", file=toy_checkpoint.write_file(tmp_path, held))
    assert (2 if words else 0, True) == (done.returncode, words in done.stderr), done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_what_does_not_go_together_is_said(toy, monkeypatch):
    """References without weights, unknown cases, drawn X, comparing with the project's goldens: each is a usage error with a hint."""
    monkeypatch.setenv("TRUETO_ROOT", str(toy.root))
    support.forget()
    found = open_checkpoint(toy.file)
    with pytest.raises(UsageError, match="toy/plain cannot be recorded on a checkpoint"):
        asked(found, ["toy/plain"], (), named=True)
    with pytest.raises(UnknownName, match="did you mean 'first'"):
        asked(found, ["toy/net", "toy/plain"], ("frst",), named=False)
    assert {"toy/net": ("first", "second")} == asked(found, ["toy/net", "toy/plain"], (), named=False).cases
    with pytest.raises(UsageError, match="--weights and --laws do not go together"):
        refuse_together("ci", "somewhere", "")
    with pytest.raises(UsageError, match="--weights and --source do not go together"):
        refuse_together("none", "somewhere", "elsewhere")
    support.forget()
    assert "--check compares with the project's own goldens" in toy.record("--check").stderr
    assert "--case goes with --weights" in toy.typed("record", "toy", "--source", toy.source, "--case", "first").stderr


def test_goldens_of_users_are_behind_the_walls(toy, monkeypatch):
    """A worker cannot open what the original returned on the user's weights."""
    from trueto.workers.walls import _granted

    monkeypatch.setenv("TRUETO_GOLDENS", str(toy.folder / "kept"))
    granted = {path for path, _ in _granted()}
    assert not [
        path for path in granted if path == toy.folder / "kept" or (toy.folder / "kept") in path.parents or path in (toy.folder, Path("/"))
    ]
    assert toy.folder / "one" in granted


@pytest.fixture(scope="module")
def forms(tmp_path_factory):
    """The same weights as one file and as diffusers' folder."""
    pytest.importorskip("diffusers")
    folder = tmp_path_factory.mktemp("forms")
    file = toy_checkpoint.write_file(folder / "one")
    return {"file": file, "folder": toy_checkpoint.write_folder(folder / "two/folder", file)}


def test_both_forms_are_the_same_weights(forms):
    """Diffusers' own conversion of the file is, by our table of names, the same weights: names, numbers, sizes, vocabulary."""
    one, two = (open_checkpoint(path) for path in forms.values())
    assert (one.digest(), one.sizes) == (two.digest(), two.sizes)
    assert {"file", "folder"} == {one.form, two.form}


@pytest.mark.slow
def test_what_is_to_be_typed_for_pickles_makes_the_same_weights(forms, tmp_path):
    """The command that a refusal ends in, on a folder that can be read here: what it writes is taken, with the same digest."""
    folder = shutil.copytree(forms["folder"], tmp_path / "held")
    typed = conversion(folder / "unet" / "diffusion_pytorch_model.bin").partition(", then --weights ")
    program = shlex.split(typed[0])
    subprocess.run([sys.executable, *program[1:]], check=True, capture_output=True, env=offline_environment())
    assert open_checkpoint(folder).digest() == open_checkpoint(Path(typed[2])).digest()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["file", "folder"])
def test_diffusers_on_a_checkpoint_is_the_original_on_it(forms, tmp_path, form):
    """In both forms diffusers' pipeline is CompVis' script on the same weights, but for the declared rounding of the picture file.

    tests/recorded holds what the script returned: `trueto record stable_diffusion --weights` on what `toy_checkpoint.write_file` writes.
    """
    chosen = ("--reference", "stable_diffusion/txt2img", "--case", CASE, "--record", "run.jsonl")
    done = trueto("gate", "diffusers", "--weights", str(forms[form]), *chosen, cwd=tmp_path, TRUETO_GOLDENS=str(RECORDED))
    assert 0 == done.returncode, done.stdout + done.stderr
    cell = next(event for event in lines(tmp_path / "run.jsonl") if event["event"] == "cell")
    assert ("declared", "png=rounded") == (cell["verdict"], cell["evidence"]["ledger"]["variant"])
    assert cell["evidence"]["twin"]["agrees"]


def test_a_weight_that_is_not_the_checkpoints_is_named(forms):
    """A library that leaves one parameter as it was made is refused by its name."""
    from diffusers import UNet2DConditionModel

    from trueto.torch_weights import expect_weights

    net = UNet2DConditionModel.from_pretrained(forms["folder"] / "unet")
    found = open_checkpoint(forms["file"])
    expect_weights(net, found, "unet", torch.float32)
    net.conv_in.bias.data += 1
    with pytest.raises(DataError, match=r"leaves 1 parameters without the checkpoint's weights: conv_in\.bias"):
        expect_weights(net, found, "unet", torch.float32)


def test_toy_checkpoint_is_another_than_the_project_has():
    """The checkpoint of these tests is not the toy of references/: other sizes, other numbers; neither can pass for the other."""
    shapes = json.loads((data_root() / "references/stable_diffusion/parameters.json").read_text())["model"]
    held = toy_checkpoint.weights()
    assert [32, 24] == shapes["model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"]
    assert (32, 64) == held["model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"].shape
    assert parameter("stable_diffusion/model", BLOCK, held[BLOCK].shape).tobytes() != held[BLOCK].tobytes()
