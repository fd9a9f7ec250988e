"""Why openvino-genai differs from the originals that its documentation leads to: each entry of its ledger, proven on the library itself.

It runs in a process of its own, in float32, as it always computes; the originals' formulas stand below, and the specs are not asked.
"""

from itertools import pairwise

import numpy as np
import pytest
from support import in_release, trueto

from trueto.distances import measure
from trueto.fixtures import network, schedule, start_noise

pytest.importorskip("torch")
pytestmark = pytest.mark.slow

RELEASE, SHAPE = "2026.4.1.0", (2, 4, 4, 3)
SAME = 1e-5  # what float32 leaves over of a run of few steps
TIMES = (1, 250, 500, 999)
PROGRAM = """
import json, tempfile
from pathlib import Path
import numpy as np
from trueto.candidates.openvino_genai import folder
from trueto.fixtures import network, schedule, start_noise
asked = folder.Asked()
kinds = folder.operations(asked)
import openvino, openvino_genai

NET, SHAPE = network("smooth", schedule("sd_v1")), (2, 4, 4, 3)
BETAS = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}
SD = {"set_alpha_to_one": False, "steps_offset": 1, "clip_sample": False}

class Drawn(openvino_genai.Generator):
    def __init__(self, values):
        super().__init__()
        self.values = list(values)
    def randn_tensor(self, shape):
        return openvino.Tensor(np.ascontiguousarray(np.broadcast_to(self.values.pop(0), tuple(shape)), np.float32))

def made(name, **more):
    home = Path(tempfile.mkdtemp())
    folder.write(home, SHAPE[1], {"_class_name": name, **BETAS, **more}, *kinds)
    return folder.make(home, of_images=True)

def listened(answer):
    told, states, latents = [], [], []
    def asked_network(x, t, prompts):
        told.append(int(t[0]))
        states.append(np.array(x))
        return answer(x, t, prompts)
    asked.network, asked.seen = asked_network, lambda x: latents.append(np.array(x)) or np.array(x)
    return told, states, latents

def sampled(steps, name, guidance=1.0, answer=lambda x, t, _: NET(x.astype(np.float64), np.full(len(x), float(t[0]))), **more):
    told, states, latents = listened(answer)
    draws = [start_noise(0, SHAPE)] * (steps + 1)
    size = {"num_images_per_prompt": SHAPE[0], "height": SHAPE[2], "width": SHAPE[3]}
    made(name, **more)[0].generate(".", generator=Drawn(draws), num_inference_steps=steps, guidance_scale=guidance, **size)
    return {"told": told, "sample": latents[0].tolist()}

def level(name, time):
    lone = {"original_inference_steps": 1000} if name == "LCMScheduler" else {"timestep_spacing": "leading", "steps_offset": time}
    pipeline = made(name, skip_prk_steps=True, clip_sample=False, **lone)[1]
    part = min(1.0, (time + 1.5) / 1000) if name == "LCMScheduler" else 1.0
    def mixed(white, noise):
        told, states, _ = listened(lambda x, t, _: np.zeros_like(x))
        picture = openvino.Tensor(np.full((1, 1, 1, 3), white, np.uint8))
        pipeline.generate(".", picture, num_inference_steps=1, strength=part, guidance_scale=1.0, generator=Drawn([noise, noise]))
        assert told == [time]
        return float(states[0].ravel()[0])
    return mixed(0, 1.0) / mixed(255, 0.0)

def flow(shipped=False):
    home = Path(tempfile.mkdtemp())
    folder.write(home, SHAPE[1], {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 3.0}, *kinds)
    pipeline, told = folder.make(home, of_images=False)[0], listened(lambda x, t, _: np.zeros_like(x))[0]
    if shipped:
        config = openvino_genai.Text2ImagePipeline(home).get_generation_config()
        pipeline.set_generation_config(config)
    pipeline.generate(".", generator=Drawn([1.0]), num_inference_steps=28, guidance_scale=1.0, height=1, width=1)
    return len(told)

def marks(x, t, prompts):
    seen.append(prompts[:, 0, 0].tolist())
    return np.zeros_like(x)

seen, NAMES = [], ("DDIMScheduler", "PNDMScheduler", "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "LCMScheduler")
sampled(1, "DDIMScheduler", guidance=7.5, answer=marks, **SD)
print(json.dumps({
    "levels": {name: [level(name, time) for time in (1, 250, 500, 999)] for name in NAMES},
    "ddim": sampled(7, "DDIMScheduler", **SD),
    "ddim_thousand": sampled(1000, "DDIMScheduler", answer=lambda x, t, _: np.zeros_like(x), **SD)["told"][0],
    "pndm": sampled(7, "PNDMScheduler", skip_prk_steps=True, **SD),
    "pndm_lone": sampled(1, "PNDMScheduler", skip_prk_steps=True, **SD)["told"],
    "euler": sampled(20, "EulerDiscreteScheduler", timestep_spacing="leading", steps_offset=1)["told"],
    "ancestral": {n: sampled(n, "EulerAncestralDiscreteScheduler", timestep_spacing="linspace")["told"] for n in (1, 7, 15)},
    "lcm": {n: sampled(n, "LCMScheduler")["told"] for n in (4, 7)},
    "marks": seen[0],
    "flow": [flow(), flow(shipped=True)],
}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the library told and sampled, by name."""
    return in_release(tmp_path_factory.mktemp("library"), f"openvino_genai=={RELEASE}", PROGRAM)


def table(*, to_end):
    """alpha_bar of the training times of Stable Diffusion v1, from betas with their end or one step short of it."""
    return np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000, endpoint=to_end) ** 2)


def asked(x, time):
    """What the network answers at a time."""
    return network("smooth", schedule("sd_v1"))(x, np.full(len(x), float(time)))


def test_betas_stop_short_of_their_end(found):
    """The levels of all schedulers but LCM's are those of betas without their last; LCM's and the model's own are those with it."""
    short, whole = (np.sqrt((1 - alpha_bar) / alpha_bar)[list(TIMES)] for alpha_bar in (table(to_end=False), table(to_end=True)))
    assert measure(np.sqrt((1 - schedule("sd_v1").alphas_cumprod) / schedule("sd_v1").alphas_cumprod)[list(TIMES)], whole)[0] < 1e-12
    for name, levels in found["levels"].items():
        right, wrong = (whole, short) if name == "LCMScheduler" else (short, whole)
        assert measure(np.asarray(levels), right)[0] < SAME, name
        assert measure(np.asarray(levels), wrong)[0] > 1e-3, name


def test_ddim_is_the_papers_step_on_those_betas(found):
    """Equation 12 of the paper without noise, down to the level of time 0, on the betas without their last."""
    times = [i * 142 + 1 for i in range(7)][::-1]
    assert times == found["ddim"]["told"]

    def ddim(alpha_bar):
        x = start_noise(0, SHAPE).astype(np.float64)
        for t, end in pairwise([*times, 0]):
            a, b, eps = alpha_bar[t], alpha_bar[end], asked(x, t)
            x = np.sqrt(b) * (x - np.sqrt(1 - a) * eps) / np.sqrt(a) + np.sqrt(1 - b) * eps
        return x

    sample = np.asarray(found["ddim"]["sample"])
    assert measure(sample, ddim(table(to_end=False)))[0] < SAME
    assert measure(sample, ddim(table(to_end=True)))[0] > 10 * SAME


def test_times_visited(found):
    """Every (1000 // n)-th time from 1 on; whole times near even places, halves upwards; LCM's evenly, rounding down."""
    assert [i * 50 + 1 for i in range(20)][::-1] == found["euler"]
    assert 1000 == found["ddim_thousand"]  # of a table that ends at 999
    assert [0] == found["ancestral"]["1"]
    assert [999, 833, 666, 500, 333, 167, 0] == found["ancestral"]["7"]
    assert 499 == found["ancestral"]["15"][7]  # 499.5 in exact numbers, a little less in float32
    known = [999 - 20 * i for i in range(50)]
    for n in (4, 7):
        assert [known[int(i * 50 / n)] for i in range(n)] == found["lcm"][str(n)]
    assert known[:: 50 // 4][:4] != found["lcm"]["4"]


def test_a_lone_step_of_pndm_asks_once(found):
    """One call in a single step, where more steps begin with two."""
    assert 1 == len(found["pndm_lone"])
    assert 8 == len(found["pndm"]["told"])


def test_prompts_are_told_apart_in_the_order_of_guidance(found):
    """With guidance the network is asked about no prompt first, then about the prompt, each once for every picture."""
    assert [0.0, 0.0, 1.0, 1.0] == found["marks"]


def test_stable_diffusion_3_is_asked_in_half_of_the_steps_by_default(found):
    """28 steps ask the network 28 times without the cache of its answers, and 14 times as the pipeline is made."""
    assert [28, 14] == found["flow"]


def test_every_claim_runs(tmp_path):
    """The adapter itself loads the library in a worker, and each claim runs a case."""
    home = {"TRUETO_ENVIRONMENTS": str(tmp_path / "environments")}
    assert 0 == trueto("env", f"openvino_genai=={RELEASE}", cwd=tmp_path, **home).returncode
    done = trueto("smoke", f"openvino_genai=={RELEASE}", cwd=tmp_path, **home)
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "6 of 6 claims run" in done.stdout
