"""Specs in 16 bits: rounded as torch rounds, and only where the latents are."""

import numpy as np
import pytest

from trueto.distances import measure
from trueto.references import observe_spec, reference
from trueto.references.rounded import LOW, low_latents, round_to

RNG = np.random.default_rng(7)
X, Y = (RNG.standard_normal((2, 4, 3)).astype(np.float32) * scale for scale in (1.0, 40.0))


@pytest.mark.parametrize("low", LOW)
def test_rounding_is_torch_s(low):
    """Values, ties, zeros, infinities and the largest numbers are rounded to the same bits as torch rounds them."""
    torch = pytest.importorskip("torch")
    ties = np.array([1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-11, 1 + 3 * 2**-11, 0.0, -0.0, np.inf, -np.inf, 65519.0, 1e-7], np.float32)
    for values in (X, Y, ties):
        wanted = torch.from_numpy(values).to(getattr(torch, low)).float().numpy()
        assert wanted.tobytes() == round_to(values, low).tobytes()


@pytest.mark.parametrize("low", LOW)
def test_every_operation_is_rounded(low):
    """A step written with numpy has the bits that torch gives in 16 bits on a CPU: each operation is rounded, coefficients are not."""
    torch = pytest.importorskip("torch")
    x, y = (torch.from_numpy(values).to(getattr(torch, low)) for values in (X, Y))
    a, b = 0.93719, 0.34872
    wanted = (a * (x - b * y) / b + torch.tanh(y) * x).float().numpy()
    one, other = low_latents(X, low, "rounded"), low_latents(Y, low, "rounded")
    seen = a * (one - b * other) / b + np.tanh(other) * one
    assert wanted.tobytes() == seen.view(np.ndarray).tobytes()
    assert wanted.tobytes() != (a * (X - b * Y) / b + np.tanh(Y) * X).astype(np.float32).tobytes()


@pytest.mark.parametrize("low", LOW)
def test_weights_are_rounded_where_torch_rounds_them(low):
    """A weight that is a tensor without axes loses digits before a picture (a x), in a sum and over it, but not in x a and x / a."""
    torch = pytest.importorskip("torch")
    values = 3 * RNG.standard_normal((1000,)).astype(np.float32)
    x, a = torch.from_numpy(values).to(getattr(torch, low)), torch.tensor(0.93719)
    one, weight = low_latents(values, low, "rounded_weights"), np.float32(0.93719)
    whole = low_latents(values, low, "rounded")
    for step, lossy in (
        (lambda a, x: a * x, True),
        (lambda a, x: a + x, True),
        (lambda a, x: x - a, True),
        (lambda a, x: a / x, True),
        (lambda a, x: x * a, False),
        (lambda a, x: x / a, False),
    ):
        wanted = step(a, x).float().numpy().tobytes()
        assert wanted == step(weight, one).view(np.ndarray).tobytes()
        assert lossy == (wanted != step(weight, whole).view(np.ndarray).tobytes())


@pytest.mark.parametrize("name", ["compvis/ddim", "k_diffusion/heun", "k_diffusion/dpmpp_2m"])
def test_latents_that_stay_lose_more(name):
    """A spec whose latents stay in 16 bits is farther from itself than one that makes float32 of them, and both are far above float32."""
    ref = reference(name)
    case = next(case for case in ref.cases if case.quick)
    for low, unit in zip(LOW, (2.0**-11, 2.0**-8), strict=True):
        errors = {}
        for state in ("promoted", "rounded"):
            found = observe_spec(ref, case, "open", {"state": state}, low=low).low
            assert found is not None
            errors[state] = found[0][-1]
        assert unit / 100 < errors["promoted"] < errors["rounded"] < 100 * unit


def test_without_a_low_dtype_nothing_is_rounded():
    """The knob alone changes no bit: it speaks of 16-bit runs only."""
    ref = reference("compvis/ddim")
    case = ref.case("uniform-20")
    plain, stay = (observe_spec(ref, case, "closed", knobs) for knobs in ({}, {"state": "rounded"}))
    assert plain.low is None
    assert measure(plain.native.sample, stay.native.sample) == (0.0, 0.0)


@pytest.mark.parametrize("low", LOW)
def test_in_place_is_rounded_too(low):
    """What numpy computes in place, and functions of its own that do so (a quantile), are rounded as well, and come to an end."""
    held = low_latents(X, low, "rounded")
    held -= 0.3
    assert round_to(round_to(X, low) - np.float32(0.3), low).tobytes() == held.view(np.ndarray).tobytes()
    parts = np.quantile(low_latents(np.abs(X), low, "rounded").reshape(2, -1), 0.9, axis=1)
    assert round_to(np.asarray(parts, np.float32), low).tobytes() == np.asarray(parts, np.float32).tobytes()


@pytest.mark.parametrize("low", LOW)
def test_weights_in_16_bits_move_the_start(low):
    """Where alpha_bar is rounded to 16 bits before the weights are taken from it, the start loses many times what it loses else."""
    ref = reference("stable_diffusion/img2img")
    knobs = {"encoded_at": "first_step", "state": "rounded"}
    found = [
        observe_spec(ref, ref.case("strength0.25-4"), "idle", {**knobs, **more}, low=low).low for more in ({}, {"coefficients": "latents"})
    ]
    plain, rounded = (error[0][0] for error in found if error is not None)
    assert rounded > 5 * plain > 0
