"""`trueto.conformance.check`: a plain function is judged on its reference's cases inside a library's own tests."""

import itertools
import math
import time
from pathlib import Path

import pytest
import torch

from trueto.conformance import check
from trueto.errors import UnknownName, UsageError
from trueto.running.client import Limits


def my_sampler(model, x, sigmas):
    """DPM-Solver++(2M), Lu et al. 2022."""
    old = None
    for i in range(len(sigmas) - 1):
        clean, now, then = model(x, sigmas[i]), sigmas[i], sigmas[i + 1]
        d = clean
        if old is not None and then > 0:
            r = (sigmas[i - 1] / now).log() / (now / then).log()
            d = clean + (clean - old) / (2 * r)
        x, old = then / now * x + (1 - then / now) * d, clean
    return x


def my_euler(model, x, sigmas):
    """Euler's method."""
    for now, then in itertools.pairwise(sigmas):
        x = x + (x - model(x, now * x.new_ones([len(x)]))) / now * (then - now)
    return x


def my_heun(model, x, sigmas):
    """Heun's method, which calls the network twice a step."""
    for now, then in itertools.pairwise(sigmas):
        d = (x - model(x, now)) / now
        ahead = x + d * (then - now)
        x = ahead if then == 0 else x + (d + (ahead - model(ahead, then)) / then) / 2 * (then - now)
    return x


def my_ancestral(model, x, sigmas, eta=1.0, s_noise=1.0):
    """Euler's method with fresh noise in each step."""
    for now, then in itertools.pairwise(sigmas):
        up = min(then, eta * (then**2 * (now**2 - then**2) / now**2) ** 0.5)
        down = (then**2 - up**2) ** 0.5
        x = x + (x - model(x, now)) / now * (down - now)
        if then > 0:
            x = x + torch.randn_like(x) * s_noise * up
    return x


def my_churned(model, x, sigmas, s_churn=0.0, s_tmin=0.0, s_tmax=math.inf, s_noise=1.0):
    """Euler's method with churn, which draws noise only where it is used."""
    for now, then in itertools.pairwise(sigmas):
        gamma = min(s_churn / (len(sigmas) - 1), 2**0.5 - 1) if s_tmin <= now <= s_tmax else 0.0
        hat = now * (gamma + 1)
        if gamma > 0:
            x = x + torch.randn_like(x) * s_noise * (hat**2 - now**2) ** 0.5
        x = x + (x - model(x, hat)) / hat * (then - hat)
    return x


@pytest.mark.parametrize(
    ("sampler", "name", "cases"),
    [
        (my_sampler, "dpmpp_2m", ("model-*", "karras-20", "v-15", "x0-12", "edm-karras-7")),
        (my_euler, "euler", ("model-2", "karras-20")),
        (my_heun, "heun", ("model-7", "karras-20")),
        (my_churned, "euler", ("churn-*",)),
        (my_ancestral, "euler_ancestral", ("model-7", "eta-0.5")),
    ],
)
def test_faithful_function_passes(sampler, name, cases):
    """A function that does what the original does passes: multistep, single step, two calls a step, with noise and options."""
    check(sampler, f"k_diffusion/{name}", cases=cases)


def wrong(model, x, sigmas):
    """Without the correction for unequal steps."""
    old = None
    for i in range(len(sigmas) - 1):
        clean, ratio = model(x, sigmas[i]), sigmas[i + 1] / sigmas[i]
        d = clean if old is None or ratio == 0 else 1.5 * clean - 0.5 * old
        x, old = ratio * x + (1 - ratio) * d, clean
    return x


def test_wrong_coefficient_raises_with_the_failure_screen():
    """A wrong coefficient is an AssertionError that says layer, first step, the function's place, the original's, and what repeats it."""
    with pytest.raises(AssertionError) as caught:
        check(wrong, "k_diffusion/dpmpp_2m", cases=("karras-20",))
    said = str(caught.value)
    for words in (
        "wrong is not k_diffusion/dpmpp_2m: 2 of 3 cells, the first:",
        "layer update · case karras-20",
        "first step    2",
        "sample_dpmpp_2m",
        "tests/test_conformance.py:",
        'repeat        trueto.conformance.check(wrong, "k_diffusion/dpmpp_2m", cases=["karras-20"])',
    ):
        assert words in said, said


def test_wrong_time_is_found_in_layer_schedule():
    """A function that asks the network at another level differs in layer schedule."""

    def late(model, x, sigmas):
        for now, then in itertools.pairwise(sigmas):
            x = x + (x - model(x, (now + then) / 2)) / now * (then - now)
        return x

    with pytest.raises(AssertionError, match="layer schedule"):
        check(late, "k_diffusion/euler", cases=("model-2",))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (lambda model, x, sigmas: sigmas[99], "raises IndexError"),  # noqa: ARG005 - a sampler's arguments
        (lambda model, x, sigmas: x.fill_(float("nan")), "never calls the network"),  # noqa: ARG005
        (lambda model, x, sigmas: model(x, sigmas[0])[:1], "shape"),
        (lambda model, x, sigmas: [model(x, sigmas[0])], "returns list, expected a tensor"),
        (lambda model, x, sigmas: time.sleep(30), "time-out"),  # noqa: ARG005
    ],
)
def test_function_that_breaks(body, words):
    """Exceptions, wrong results and hangs are broken, and this process goes on."""
    with pytest.raises(AssertionError, match=words):
        check(body, "k_diffusion/euler", cases=("model-2",), limits=Limits(seconds=2.0))


def test_what_cannot_be_asked():
    """An unknown reference is named with the nearest, and one whose sampler is no plain function needs an adapter."""
    with pytest.raises(UnknownName, match="did you mean 'k_diffusion/dpmpp_2m'"):
        check(my_sampler, "k_diffusion/dpmp_2m")
    with pytest.raises(UsageError, match="needs an adapter"):
        check(my_sampler, "compvis/plms")


def test_nothing_of_a_check_stays_in_this_process():
    """The generator of torch, its default dtype and functions are as before."""
    before = torch.get_rng_state(), torch.get_default_dtype(), torch.randn
    check(my_euler, "k_diffusion/euler", cases=("model-2",))
    after = torch.get_rng_state(), torch.get_default_dtype(), torch.randn
    assert before[0].numpy().tobytes() == after[0].numpy().tobytes()
    assert before[1:] == after[1:]


def test_ten_lines_of_the_readme_pass_and_can_fail():
    """What the README shows is a whole test file, and with another slope it fails."""
    shown = (Path(__file__).parents[1] / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    names = {"__name__": "shown"}
    exec(compile(shown, "shown.py", "exec"), names)  # noqa: S102 - the README's own lines
    names["test_my_sampler_is_still_true_to_the_original"]()
    exec(compile(shown.replace("x + slope", "x + 1.001 * slope"), "shown.py", "exec"), names)  # noqa: S102
    with pytest.raises(AssertionError, match="is not k_diffusion/euler"):
        names["test_my_sampler_is_still_true_to_the_original"]()
