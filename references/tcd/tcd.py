"""TCD, strategic stochastic sampling: Zheng et al. 2024 (arXiv 2402.19159), algorithm 4.

Not to be confused with LCM, which buries a clean picture under noise in each step (nearly the same as gamma = 1), or with DDIM, whose
step its gamma = 0 is, on the times of a distilled model.
"""

import numpy as np

from trueto.references.card import Card, Promise

from .cases import STANDARD

CARD = Card(
    title="TCD",
    plain="""
TCD makes a picture in a few steps, with a model that was taught (distilled) to jump to any later point of its way from noise to picture.
Each step jumps further than it has to, to a cleaner picture, and adds fresh noise to get back to the next noise level. The setting gamma
(called eta in the code) says how much further: not at all at 0, to the clean picture at 1.

It is what TCD-LoRAs for Stable Diffusion and SDXL are sampled with, in four steps and more. If a library computed it differently, the same
prompt and seed would give another picture, and the detail that gamma is meant to control would come out otherwise.""",
    authors="Jianbin Zheng, Minghui Hu, Zhongyi Fan, Chaoyue Wang, Changxing Ding, Dacheng Tao, Tat-Jen Cham",
    year=2024,
    paper="Trajectory Consistency Distillation, arXiv 2402.19159",
    equations="algorithm 4",
    function="scheduling_tcd.py: TCDScheduler.step",
    line=493,
    default_of="TCD-SDXL-LoRA in its authors' examples: 4 steps, eta 0.3",
    promise=Promise(
        start="x = noise of variance one, unscaled",
        grid=(
            "n of the 50 training times 19, 39, ..., 999 of the distillation, spread evenly and rounded down, beginning with 999; above 50 "
            "steps a ValueError. With original_inference_steps None, n of all 1000"
        ),
        update="a jump to training time floor((1 - gamma) t') instead of the next visited time t', then noise up to the level of t'",
        final_step="a jump to training time 0, which is not quite clean (alpha_bar 0.99915 for Stable Diffusion), without noise",
        noise="one draw a step but the last, after the network call; none at gamma 0",
    ),
    code_and_paper="not compared word by word",
)
CASES = STANDARD


def sample(see, x, walk, noise, *, eta=0.3):
    """Walk down the levels from a = alpha_bar before to b = alpha_bar after each step, by way of a time s between 0 and the next."""
    for i in range(len(walk)):
        x0, eps = see(x, i)
        s = int(np.floor(x.dtype.type(1 - eta) * x.dtype.type(walk.times[i + 1])))
        beyond, b = walk.table[s], walk.after[i]
        if eta == 0 or i == len(walk) - 1:
            beyond = b  # no time is skipped
        x = np.sqrt(beyond) * x0 + np.sqrt(1 - beyond) * eps  # the trajectory consistency function, from t to s
        if eta > 0 and i < len(walk) - 1:
            x = np.sqrt(b / beyond) * x + np.sqrt(1 - b / beyond) * noise(i)  # forward from s to the next visited time
    return x
