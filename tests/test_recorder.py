"""Recording: only the pinned original is run, its goldens are reproducible, and what changes is said."""

import json
import shutil

import numpy as np
import pytest
import support
import toy_codebase
from support import trueto
from toy_codebase import git

from trueto.errors import DataError, UnknownName
from trueto.references import codebase, load_golden, reference
from trueto.store import file_digest, read_header, read_tensors

torch = pytest.importorskip("torch")
NAME = "toy/step"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The toy, recorded once: (source, root, what was printed)."""
    folder = tmp_path_factory.mktemp("recorded")
    root = toy_codebase.write_root(folder / "root", toy_codebase.write_original(folder / "source"))
    done = trueto("record", "toy", "--source", str(folder / "source"), cwd=folder, TRUETO_ROOT=str(root))
    assert 0 == done.returncode, done.stdout + done.stderr
    return folder / "source", root, done


@pytest.fixture
def again(recorded, tmp_path, monkeypatch):
    """A copy of the recorded toy that may be spoiled: (source, root)."""
    source, root, _ = recorded
    shutil.copytree(source, tmp_path / "source")
    shutil.copytree(root, tmp_path / "root")
    monkeypatch.setenv("TRUETO_ROOT", str(tmp_path / "root"))
    support.forget()
    yield tmp_path / "source", tmp_path / "root"
    monkeypatch.undo()
    support.forget()


def record(source, root, *more):
    """`trueto record toy`."""
    return trueto("record", "toy", "--source", str(source), *more, cwd=root, TRUETO_ROOT=str(root))


def test_recording_writes_goldens_and_their_manifest(recorded):
    """Recording writes one file a reference with its provenance, signs it, and says what is new; what the original prints harms nothing."""
    _, root, done = recorded
    path = root / "references/toy/goldens/step.safetensors"
    assert {"step.safetensors": file_digest(path)} == json.loads((root / "references/toy/manifest.json").read_text())
    header = read_header(path)
    assert "0 the same, 0 moved" in done.stdout
    assert f"{len(read_tensors(path))} new" in done.stdout
    assert {"toy", NAME, "1"} == {header["codebase"], header["reference"], header["schema"]}
    assert header["source"] == f"git {header['commit']}"


def test_everything_is_recorded(again):
    """Grid, start, calls, states, sample, floors and noise are there, in float32 and in true float64, in spite of the original's casts."""
    golden = load_golden(NAME)
    native, exact = (golden.observation("two", "closed", dtype) for dtype in ("float32", "float64"))
    assert ((2,), (2, 1, 2, 2, 2), (3,)) == (exact.told.shape, exact.states.shape, exact.levels.shape)
    assert {"float64"} == {str(values.dtype) for values in (exact.states, exact.levels, exact.start, exact.sample)}
    assert {"float32"} == {str(values.dtype) for values in (native.states, native.levels, native.start, native.sample)}
    distance = abs(exact.path - native.path).max()
    assert 0 < distance < 1e-4
    assert golden.spread("two", "closed", "float64").rms[-1] < 1e-6 * golden.spread("two", "closed", "float32").rms[-1]
    assert golden.own_error("two", "closed", "bfloat16") is not None


def test_only_noise_that_moves_the_sample_is_effective(again):
    """Of the start and two draws, the start and the first draw move the sample: those are kept, in order."""
    case = reference(NAME).case("two")
    noise = load_golden(NAME).observation("two", "seeded", "float32").noise
    torch.manual_seed(case.seed)
    wanted = torch.stack([torch.randn(case.shape), torch.randn(case.shape)]).numpy()
    assert wanted.tobytes() == noise.tobytes()


def test_original_that_raises_is_a_golden(again):
    """That F raises on X is recorded, with type, message and the number of network calls before it."""
    for dtype in ("float32", "float64"):
        error = load_golden(NAME).observation("three", "closed", dtype).error
        assert ("ValueError", "three steps / are not for me", 0) == (error.type, error.message, error.at_call)


def test_twice_is_bit_identical(again):
    """Recording again on the same machine gives the same file, bit for bit, and says so."""
    source, root = again
    before = file_digest(root / "references/toy/goldens/step.safetensors")
    done = record(source, root)
    assert f"{NAME}: " in done.stdout
    assert "every bit the same" in done.stdout
    assert before == file_digest(root / "references/toy/goldens/step.safetensors")


@pytest.mark.parametrize("habit", ["reseed", "default_dtype"])
def test_what_an_original_leaves_behind_moves_no_other_tensor(again, habit):
    """A case that reseeds torch's, numpy's and Python's generators, or changes torch's default dtype, leaves the others bit for bit."""
    source, root = again
    path = root / "references/toy/goldens/step.safetensors"
    before = read_tensors(path)
    spec = root / "references/toy/step.py"
    rude = f'    Case("rude", 2, options={{"habit": "{habit}"}}, shape=SHAPE),\n    Case("two", 2'
    spec.write_text(spec.read_text().replace('    Case("two", 2', rude))
    done = record(source, root)
    assert 0 == done.returncode, done.stdout + done.stderr
    after = read_tensors(path)
    others = {key: values for key, values in after.items() if not key.startswith("rude/")}
    assert len(after) > len(others) > 0
    seen = [{key: (values.dtype, values.tobytes()) for key, values in one.items()} for one in (before, others)]
    assert seen[0] == seen[1]


def test_check_writes_nothing_and_says_what_is_beyond_the_floor(again):
    """`--check` accepts the same bits, accepts other rounding with a word, and fails on a difference beyond rounding; it writes nothing."""
    source, root = again
    path = root / "references/toy/goldens/step.safetensors"
    done = record(source, root, "--check")
    assert (0, True) == (done.returncode, "every bit the same" in done.stdout), done.stdout + done.stderr
    tensors = read_tensors(path)
    for scale, code, words in ((1 + 2.0**-23, 0, "within the original's own rounding"), (1.01, 1, "beyond its rounding: two trajectory")):
        dtypes = ("float32",) if code == 0 else ("float32", "float64")
        moved = {
            key: (values * values.dtype.type(scale) if key.endswith("/sample") and values.dtype in dtypes else values)
            for key, values in tensors.items()
        }
        support.write_tensors(path, moved, read_header(path))
        support.Manifest(root / "references/toy/manifest.json").write(path.parent)
        before = file_digest(path)
        done = record(source, root, "--check")
        assert (code, True) == (done.returncode, words in done.stdout), done.stdout + done.stderr
        assert before == file_digest(path)


def test_check_sees_that_the_original_raises_no_more(again):
    """`--check` fails when the original raises where it did not, or returns where it raised."""
    source, root = again
    support.rewrite_golden(
        root, NAME, {f"outcome.three.{net}.{dtype}": "ok" for net in ("closed", "open") for dtype in ("float32", "float64")}
    )
    done = record(source, root, "--check")
    assert 1 == done.returncode, done.stdout
    assert "beyond its rounding: three" in done.stdout
    assert "ValueError" in done.stdout


def test_recording_says_what_changed(again):
    """A changed original (a new pin) moves tensors: how many, how far and which one is said, and case by case what is new and gone."""
    source, root = again
    (source / "toy.py").write_text(toy_codebase.ORIGINAL.replace("0.1 * noise", "0.2 * noise"))
    git(source, "commit", "--quiet", "-am", "other")
    toml = root / "references/toy/codebase.toml"
    toml.write_text(toml.read_text().replace(codebase("toy").commit, git(source, "rev-parse", "HEAD")))
    spec = root / "references/toy/step.py"
    spec.write_text(spec.read_text().replace('"loud"', '"noisy"'))
    done = record(source, root)
    assert 0 == done.returncode, done.stderr
    assert "moved" in done.stdout
    assert "0 moved" not in done.stdout
    assert "0 new" not in done.stdout
    assert "0 gone" not in done.stdout
    assert "largest move" in done.stdout


def test_wrong_line_on_a_card_is_refused(again):
    """A card whose line is not that of its function in the checkout is refused with the right line, and nothing is recorded."""
    source, root = again
    spec = root / "references/toy/step.py"
    plain = spec.read_text()
    right = 1 + toy_codebase.ORIGINAL.splitlines().index('def sample_step(model, x, sigmas, habit="none"):')
    before = file_digest(root / "references/toy/goldens/step.safetensors")
    for line, code in ((right + 1, 2), (right, 0)):
        spec.write_text(plain.replace('Promise("a", "b", "c", "d"))', f'Promise("a", "b", "c", "d"), line={line})'))
        done = record(source, root, "--check")
        assert code == done.returncode, done.stdout + done.stderr
        assert (code == 2) == (f"sample_step is at toy.py:{line}; the original has it at line {right}" in done.stderr)
        assert (code == 2) == (f"try: line={right} in references/toy/step.py" in done.stderr)
        assert before == file_digest(root / "references/toy/goldens/step.safetensors")


def test_ill_conditioned_case_is_refused(again):
    """A case on which the original cannot reproduce itself is refused at recording; the old goldens stay as they were."""
    source, root = again
    spec = root / "references/toy/step.py"
    spec.write_text(spec.read_text().replace('{"habit": "print"}', '{"habit": "chaos"}'))
    path = root / "references/toy/goldens/step.safetensors"
    before = file_digest(path)
    done = record(source, root)
    assert 2 == done.returncode
    assert "toy/step case loud (closed) is ill-conditioned" in done.stderr
    assert before == file_digest(path)


def test_recording_one_reference_does_not_sign_another(again):
    """Recording makes its own damaged golden good, and no other one of the codebase."""
    source, root = again
    folder = root / "references/toy"
    path = folder / "goldens/step.safetensors"
    good = file_digest(path)
    shutil.copy(folder / "step.py", folder / "other.py")
    (folder / "goldens/other.safetensors").write_bytes((folder / "goldens/step.safetensors").read_bytes())
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "other.safetensors": "0" * 64}))
    path.write_bytes(path.read_bytes()[:100])
    assert 0 == record(source, root, "--reference", "step").returncode
    assert good == file_digest(path)
    support.forget()
    with pytest.raises(DataError, match=r"other\.safetensors is damaged or foreign"):
        load_golden("toy/other")


def test_unknown_reference_is_said(again):
    """Recording an algorithm that does not exist suggests the nearest."""
    from trueto.recording.recorder import references_of

    with pytest.raises(UnknownName, match="unknown reference of toy 'stp'; did you mean 'step'"):
        references_of(codebase("toy"), ("stp",))


def test_casts_set_back_to_float32_are_bit_identical_to_the_untouched_original(again):
    """The drive that lifts casts for true float64, told to lift them to float32, gives the bits of the original without any interposer."""
    import importlib

    from trueto.fixtures import network, schedule, start_noise, tape
    from trueto.interpose import Interposer, NoiseSource
    from trueto.recording.process import observe_original
    from trueto.torch_run import Run

    source, _ = again
    ref = reference(NAME)
    module = importlib.import_module(f"{ref.frame.__package__}.record")
    original, case = module.load(source), ref.case("two")
    levels = schedule(case.schedule)
    run = Run(
        case, network(case.network, levels), levels, torch.float32, start_noise(case.seed, case.shape), NoiseSource(None), seeded=True
    )
    torch.manual_seed(case.seed)
    with Interposer(NoiseSource(None), torch.float32):
        module.drive(original, "step", run)
    untouched = Run(
        case, network(case.network, levels), levels, torch.float32, start_noise(case.seed, case.shape), NoiseSource(None), seeded=True
    )
    torch.manual_seed(case.seed)
    module.drive(original, "step", untouched)
    assert untouched.observation.path.tobytes() == run.observation.path.tobytes()
    plain, _ = observe_original(module, original, ref, case, "closed", "float32")
    back, _ = observe_original(module, original, ref, case, "closed", "float32", promote="float32")
    assert plain.path.tobytes() == back.path.tobytes()
    lifted, _ = observe_original(module, original, ref, case, "closed", "float64")
    assert plain.path.tobytes() != lifted.path.astype("float32").tobytes()
    assert tape(case.seed, case.shape).values.dtype == "float32"


@pytest.mark.parametrize(
    "draw",
    [
        "torch.randn(shape)",
        "torch.randn_like(torch.zeros(shape))",
        "torch.zeros(shape).normal_()",
        "torch.normal(torch.zeros(shape), 1.0)",
        "fill(torch.zeros(shape))",
    ],
)
def test_every_way_to_draw_is_replayed(draw):
    """However noise is drawn, the tape is served, in place too; another shape is left alone, since it is not the latents' noise."""
    from trueto.fixtures import tape
    from trueto.interpose import Interposer, NoiseSource

    def fill(values):
        values.normal_()
        return values

    shape = (1, 2, 2, 2)
    recorded = tape(0, shape)
    source = NoiseSource(recorded)
    with Interposer(source):
        seen = eval(draw, {"torch": torch, "shape": shape, "fill": fill})  # noqa: S307 - the parameters above
        source.step = 1
        other = torch.randn(3)
    assert recorded.draw(0, 0).tobytes() == seen.numpy().tobytes()
    assert (3,) == tuple(other.shape)


def test_doubled_batch_is_served_the_same_noise_twice():
    """Where an original draws for a batch doubled for guidance, both halves get the recorded draw; another shape is left alone."""
    torch = pytest.importorskip("torch")
    from trueto.fixtures import tape
    from trueto.interpose import Interposer, NoiseSource

    recorded = tape(0, (2, 4, 4, 3))
    wanted = recorded.draw(0, 0)
    with Interposer(NoiseSource(recorded)):
        doubled = torch.randn(4, 4, 4, 3).numpy()
        other = torch.randn(3, 4, 4, 3).numpy()
    assert [wanted.tobytes()] * 2 == [half.tobytes() for half in (doubled[:2], doubled[2:])]
    assert wanted.tobytes() != other[:2].tobytes()


def test_a_spread_that_is_not_a_number_is_refused():
    """A case whose nudged repetitions end in NaN says nothing about anybody: it is refused like any other ill-conditioned one."""
    from types import SimpleNamespace

    from trueto.judge import Spread
    from trueto.recording.process import _refuse

    path, case = np.ones((2, 1, 1, 2, 2)), SimpleNamespace(id="toy")
    ref = SimpleNamespace(id="toy/toy", codebase=SimpleNamespace(name="toy"))
    run = SimpleNamespace(path=path)
    _refuse(ref, case, "closed", run, run, Spread(np.zeros(2), np.zeros(2)))
    with pytest.raises(DataError, match="ill-conditioned"):
        _refuse(ref, case, "closed", run, run, Spread(np.array([0.0, np.nan]), np.array([0.0, np.nan])))
