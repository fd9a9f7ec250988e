"""Why flaxdiff differs from the originals that it names, and what its finding says: each proven on flaxdiff itself."""

import numpy as np
import pytest
from support import in_release

from trueto.fixtures import schedule

pytestmark = pytest.mark.slow

RELEASE = "0.2.11"
PROGRAM = """
import contextlib, ctypes, io, json
from types import SimpleNamespace
import numpy as np
from trueto.candidates._library import bare_package
from trueto.candidates.flaxdiff import ADAPTER
ADAPTER.load()
import jax, jax.numpy as jnp
jax.config.update("jax_enable_x64", True)
from flaxdiff import predictors, samplers, schedulers
linear, karras = schedulers.LinearNoiseSchedule(1000), schedulers.KarrasVENoiseScheduler(1)
told = []

class Network:
    def apply(self, params, x, t):
        def answer(x, t):
            told.append(float(np.asarray(t).reshape(-1)[0]))
            return 0.1 * np.asarray(x)
        return jax.pure_callback(answer, jax.ShapeDtypeStruct(x.shape, x.dtype), x, t)

def sampler(kind, noise, predicted, **more):
    config = SimpleNamespace(get_unconditionals=list)
    return getattr(samplers, kind)(Network(), noise, getattr(predictors, predicted)(), config, **more)

def ran(kind, noise, predicted, n, pictures=2, **more):
    made = sampler(kind, noise, predicted, **more)
    told.clear()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            made.generate_samples(None, pictures, 0, diffusion_steps=n, start_step=1000, priors=jnp.ones((pictures, 2, 2, 4)))
    except (TypeError, AttributeError) as error:
        return [type(error).__name__, str(error)]
    return list(told)

with jax.enable_x64(False):
    narrow = [str(found.dtype) for found in (jnp.asarray(np.ones(2)), karras.get_sigmas(jnp.array([0.5])))]

VP, EDM = "EpsilonPredictionTransform", "KarrasPredictionTransform"
print(json.dumps({
    "ddim": {n: ran("DDIMSampler", linear, VP, n) for n in (50, 20, 7, 1)},
    "rates": [float(linear.get_rates(jnp.array([t]))[0].reshape(-1)[0]) for t in (999, 1000)],
    "eta": ran("DDIMSampler", linear, VP, 10, eta=0.5),
    "ddpm": {n: ran("DDPMSampler", linear, VP, 10, pictures=n) for n in (1, 2)},
    "heun": {n: ran("HeunSampler", karras, EDM, n) for n in (18, 21)},
    "narrow": narrow,
    "size": float(sampler("HeunSampler", karras, EDM)._get_noise_parameters(8, 1000)[0].reshape(-1)[0]),
}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What flaxdiff tells its network, by sampler and number of steps, or the exception."""
    return in_release(tmp_path_factory.mktemp("flaxdiff"), f"flaxdiff=={RELEASE}", PROGRAM)


def test_ddim_begins_one_after_the_last_time(found):
    """Its n times lie evenly between 1000 and 0, cut down; the network is told 1000 at the level of 999, the last of the table."""
    for n in (50, 20, 7):
        assert [1000 * i // (n - 1) for i in reversed(range(n))] == found["ddim"][str(n)]
    assert found["rates"][0] == found["rates"][1]
    assert [0] == found["ddim"]["1"]
    assert 1000 == len(schedule("linear").alphas_cumprod)


def test_steps_lie_at_whole_thousandths(found):
    """Karras' levels with 18 steps are those of ramps cut down to thousandths, with 21, which divide 1000 evenly, those of the paper."""

    def levels(ramp):
        return (80 ** (1 / 7) + ramp * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7

    for n, same in ((18, False), (21, True)):
        exact, cut = 1 - np.arange(n)[::-1] / (n - 1), 1 - (1000 * np.arange(n) // (n - 1))[::-1] / 1000
        seen = np.exp(4 * np.array(found["heun"][str(n)][::2]))
        assert np.abs(seen / levels(cut) - 1).max() < 1e-8
        assert (np.abs(seen / levels(exact) - 1).max() < 1e-8) == same


def test_the_first_latents_have_the_size_of_noise_and_picture(found):
    """Noise is multiplied by sqrt(1 + 80^2), and not by 80."""
    assert abs(found["size"] - np.sqrt(1 + 80**2)) < 1e-3


def test_latents_stay_in_float32(found):
    """As JAX is delivered it has no float64: latents and levels are float32, whatever they are made from."""
    assert ["float32", "float32"] == found["narrow"]


def test_ddim_with_noise_raises(found):
    """An array of JAX has no method sqrt."""
    assert "AttributeError" == found["eta"][0]
    assert "sqrt" in found["eta"][1]


def test_ddpm_raises(found):
    """The times of a step, one for each picture, are made one number of Python: it raises for one picture and for two."""
    assert ["TypeError", "TypeError"] == [found["ddpm"][n][0] for n in ("1", "2")]
