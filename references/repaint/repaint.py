"""RePaint, stochastic: DDPM that keeps putting the known part of a picture back in: Lugmayr et al. 2022 (arXiv 2201.09865), algorithm 1.

Not to be confused with inpainting models, which are told the mask, or with the mask of CompVis' DDIM, which never turns back to more noise.
"""

import numpy as np

from trueto.model import Case
from trueto.references.card import Card, Promise

CARD = Card(
    title="RePaint",
    plain="""
RePaint fills holes in a picture with a model that never learned about holes. It makes a picture from noise as usual, but before each
step it puts the known part back in, with as much noise as the step expects. Now and then it turns back to more noise and goes down again,
so that the filled part has time to fit the known one.

It is slow (thousands of network calls) and needs no training for holes. If a library computed it differently, holes would be filled with
something else, or less in harmony with their surroundings.""",
    authors="Andreas Lugmayr, Martin Danelljan, Andres Romero, Fisher Yu, Radu Timofte, Luc Van Gool",
    year=2022,
    paper="RePaint: Inpainting using Denoising Diffusion Probabilistic Models, arXiv 2201.09865",
    equations="algorithm 1; known part: equation 8a; the step: DDPM's posterior with a learned variance (Nichol and Dhariwal 2021)",
    function="guided_diffusion/gaussian_diffusion.py: GaussianDiffusion.p_sample_loop_progressive",
    line=463,
    default_of="its own configurations: 250 steps, jumps of length 10, 10 times each",
    promise=Promise(
        start="x = noise of variance one, unscaled, known part included",
        grid=(
            "n training times spaced evenly from 0 to 999, rounded; with jumps every multiple of the jump's length is reached several times"
        ),
        update=(
            "before each call but the first the known part is put in anew, with noise of its own; the picture that the network sees is "
            "clipped to [-1, 1]; then DDPM's step with a variance between the two bounds. A step up multiplies and adds noise once"
        ),
        final_step="the mean, without noise; the known part is not put back, so that it is the network's copy of it",
        noise="in a step down one draw for the step and then one for the known part (none in the first step); in a step up one draw",
    ),
    code_and_paper=(
        "the paper puts the known part in after the step, at the new level; the code does so before the next call, at the same level, "
        "but leaves it out at the end. The paper's algorithm writes the variance of the known part where its root is meant; the code takes "
        "the root"
    ),
)


def case(name: str, steps: int, **more) -> Case:
    """A case on DDPM's linear schedule, which its models were trained with."""
    return Case(name, steps, grid="spaced", schedule="linear", **more)


WITHOUT_NOISE_LAYER = ("schedule", "start", "update", "trajectory")
CASES = (
    case("plain-20", 20, quick=True),
    case("plain-50", 50, network="smooth", layers=WITHOUT_NOISE_LAYER, shape=(2, 4, 3, 2)),
    case("plain-30", 30, seed=1, shape=(2, 4, 3, 2)),
    case("plain-7", 7, network="smooth", seed=1),
    case("plain-2", 2),
    case("plain-1", 1, layers=("schedule", "trajectory")),
    case("unclipped-15", 15, options={"clip_sample": False}, network="smooth"),
    case("learned-14", 14, options={"learned": 0.4}),
    case("jump-12", 12, options={"jump_length": 3, "jump_n_sample": 2}, layers=WITHOUT_NOISE_LAYER),
    case("jump-20", 20, options={"jump_length": 5, "jump_n_sample": 3}, network="smooth", layers=WITHOUT_NOISE_LAYER, shape=(2, 4, 3, 2)),
    case("jump-50", 50, options={"jump_length": 10, "jump_n_sample": 2}, layers=WITHOUT_NOISE_LAYER, shape=(1, 4, 2, 2)),
    # The released number of steps on a single pixel, which is to be filled in.
    case("plain-250", 250, layers=("schedule", "trajectory"), shape=(1, 4, 1, 1)),
)
KNOBS = {
    # When the known part is put in. after_step: diffusers, after every step down, with the noise of the step itself.
    "known": ("before_call", "after_step"),
    "eta": ("1", "0"),  # share of DDPM's fresh noise in a step; 0: diffusers' default, DDIM
    "direction": ("from_clipped", "raw"),  # the noise that stays in x; raw: diffusers takes the network's answer, although x0 was clipped
    # A step up. training_steps: diffusers, one draw for each training time from the place it believes to be at, one place too high.
    "up": ("one_draw", "training_steps"),
}


def sample(
    picture, x, walk, noise, *, clip_sample=True, learned=-1.0, known="before_call", eta="1", direction="from_clipped", up="one_draw"
):
    """Walk down from alpha_bar a to b at each call, and up again at jumps; `step` numbers both, for the noise."""
    number, step = x.dtype.type, 0
    for k in range(len(walk)):
        a, b, beta = walk.a[k], walk.b[k], walk.beta[k]
        if known == "before_call" and k:
            x = picture.put(x, a, noise(step, 1))
        eps = picture.predict(x, walk.told[k], step)
        x0 = number(np.sqrt(1 / a)) * x - number(np.sqrt(1 / a - 1)) * eps
        x0 = np.clip(x0, -1, 1) if clip_sample else x0
        if direction == "from_clipped":
            eps = (x - number(np.sqrt(a)) * x0) / number(np.sqrt(1 - a))
        small = (1 - b) / (1 - a) * beta  # DDPM's two bounds of the variance: this and beta
        kept = float(eta) ** 2 * small
        x = number(np.sqrt(b)) * x0 + number(np.sqrt(1 - b - kept)) * eps  # DDPM's posterior mean at eta 1
        if b < 1:
            share = (learned + 1) / 2
            spread = float(eta) * small ** ((1 - share) / 2) * beta ** (share / 2)
            x = x + number(spread) * noise(step)
        if known == "after_step":
            x = picture.put(x, b, noise(step))
        step += 1
        for place in walk.jumps(k):
            x = go_up(x, walk, place, noise, step, up)
            step += 1
    return x


def go_up(x, walk, place, noise, step, up):
    """One place up: x goes to sqrt(1 - beta) x + sqrt(beta) noise (algorithm 1, line 10)."""
    number = x.dtype.type
    if up == "training_steps":
        stride = len(walk.betas) // len(walk.grid)
        betas = walk.betas[walk.grid[place + 1] : walk.grid[place + 1] + stride]
    else:
        betas = walk.steps[place + 1 : place + 2]
    for order, beta in enumerate(betas):
        x = number(np.sqrt(1 - beta)) * x + number(np.sqrt(beta)) * noise(step, order)
    return x
