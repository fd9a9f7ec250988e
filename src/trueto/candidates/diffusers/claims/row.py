"""A claim of diffusers as a row of a table, and the settings that many claims share.

`settings` of a claim: `config` (SD v1's released one unless given) and `base` go into the scheduler's constructor for every case,
`grids` by the case's grid, `parameterizations` by what the network predicts; `options` says which options of the original the scheduler
takes, in its constructor (`init`, with its name there where that is another one), in `set_timesteps()` (`timesteps`), in `step()`, or by
way of its loop (`driven`). A case that needs anything else is not claimed. `stages` says how network calls make up sampling steps,
`levels` how the noise levels are read off the scheduler, `loop` which loop drives it (diffusers/loops.py). `needs` are settings of the
constructor without which a release cannot be asked at all, and does not claim it. `domain` says for which X the claim holds beyond the
recorded cases: the laws draw from it (docs/laws.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trueto.model import Claim

__all__ = [
    "ALL_THREE",
    "BELOW_15",
    "BOUNDED_SAID",
    "BY_THIRDS",
    "CLIP",
    "DOCS",
    "EPS",
    "EPS_V",
    "EXPONENTIAL",
    "FIRST_TWICE",
    "FLOW",
    "GENERATOR",
    "GRIDS",
    "HALF_WAY",
    "KARRAS",
    "PREDICTION",
    "SD_V1",
    "SPACING_SAID",
    "SPLIT",
    "STRENGTH",
    "TABLE",
    "THRESHOLD",
    "TRAINED_BETAS",
    "WIDE_CLIP",
    "ZERO_SNR_SAID",
    "axis",
    "but_for_flow",
    "claim",
    "flow_axis",
    "sigmas_axis",
    "spacing_axis",
]

DOCS = "diffusers documentation, api/schedulers/"
TABLE = DOCS + "overview, table 'A1111/k-diffusion'"

# scheduler/scheduler_config.json as Stable Diffusion v1-4 and v1-5 were released with (PNDMScheduler), without the betas,
# which come from the case's training schedule.
SD_V1: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "clip_sample": False,
}
EPS = {"eps": "epsilon"}
EPS_V = {**EPS, "v": "v_prediction"}
ALL_THREE = {**EPS_V, "x0": "sample"}
FLOW = {"flow": "flow_prediction"}
KARRAS = {"karras": {"use_karras_sigmas": True}}
# docs, api/schedulers/overview, "Noise schedules and schedule types"
EXPONENTIAL = {"exponential": {"timestep_spacing": "linspace", "use_exponential_sigmas": True}}
GRIDS: dict[str, dict[str, Any]] = {"model": {}, **KARRAS, **EXPONENTIAL}
# With axis `sigmas`: where two levels share their whole training time and it is the first, the run begins at the second of them, and raises
# IndexError at its end. Nothing can be declared of that.
FIRST_TWICE = {"sigmas and (schedule == 'cosine' or sigmas == 'beta' and steps > 31)": "docs/findings/first-time-twice.md"}


def axis(
    source: str,
    *,
    grids: tuple[str, ...] = (),
    layers: tuple[str, ...] = (),
    least: int = 1,
    without: tuple[str, ...] = (),
    law: str = "",
    fields: Mapping[str, str] | None = None,
    **values: tuple[Mapping[str, Any], ...],
) -> dict[str, Any]:
    """A setting of a scheduler that the original does not have: for each value what is passed, and the knobs of the spec it amounts to.

    A third mapping is what goes by way of the loop (diffusers/asked.py). `source` is where the library says so, or `composed`; `grids` and
    `layers` are those that it concerns, where not all; `least` is the fewest steps with which it is drawn, `without` are axes that are not
    drawn with it; one with a `law` is for that law alone; `fields` are the schedule and the parameterization that it is drawn with.
    """
    names = ("settings", "knobs", "asked")
    meant = {name: dict(zip(names, map(dict, value), strict=False)) for name, value in values.items()}
    limits: dict[str, Any] = {"grids": list(grids), "layers": list(layers), "without": list(without), "law": law, "fields": fields}
    limits["least"] = least if least > 1 else 0
    return {"source": source, "values": meant, **{name: limit for name, limit in limits.items() if limit}}


# Levels and times that the multistep schedulers space alike, for the grid that has even training times. The time of a Karras level is
# rounded, those of the others are cut down to whole ones.
SIGMAS_SAID = DOCS + "overview, 'Noise schedules and schedule types': use_karras_sigmas, use_exponential_sigmas, use_beta_sigmas"
SPACING_SAID = DOCS + "overview: timestep_spacing, see table 2 of arXiv 2305.08891"


FLOW_SIGMAS, SHIFTS = {"use_flow_sigmas": True}, ("1", "3", "7")
FLOW_SAID = (
    "diffusers, use_flow_sigmas: 'Whether to use flow sigmas for step sizes in the noise schedule during the sampling process'; "
    "flow_shift: 'The shift value for the timestep schedule for flow matching'"
)


def sigmas_axis(*grids: str) -> dict[str, Any]:
    """use_karras_sigmas, use_exponential_sigmas and use_beta_sigmas, in frames with the knobs `levels` and `told`."""
    return axis(
        SIGMAS_SAID,
        grids=grids,
        karras=({"use_karras_sigmas": True}, {"levels": "karras", "told": "rounded"}),
        exponential=({"use_exponential_sigmas": True}, {"levels": "exponential", "told": "truncated"}),
        beta=({"use_beta_sigmas": True}, {"levels": "beta", "told": "truncated"}),
    )


def spacing_axis(*grids: str) -> dict[str, Any]:
    """timestep_spacing, in frames whose knob `times` has the same words."""
    return axis(
        SPACING_SAID,
        grids=grids,
        leading=({"timestep_spacing": "leading"}, {"times": "leading"}),
        trailing=({"timestep_spacing": "trailing"}, {"times": "trailing"}),
    )


def flow_axis(grid: str, **knobs: str) -> dict[str, Any]:
    """use_flow_sigmas of a scheduler of a variance-preserving method, in frames with the knob `flow_shift`.

    `knobs` are others of the spec that it amounts to.
    """
    knobs = {"told": "truncated", **knobs}
    values: dict[str, Any] = {shift: ({**FLOW_SIGMAS, "flow_shift": float(shift)}, {**knobs, "flow_shift": shift}) for shift in SHIFTS}
    fields = {"schedule": "flow1000", "parameterization": "flow"}
    return axis(FLOW_SAID, grids=(grid,), without=("sigmas",), fields=fields, **values)


def but_for_flow(axis: Mapping[str, Any]) -> dict[str, Any]:
    """A setting that says nothing where levels are those of flow matching."""
    return {**axis, "without": [*axis.get("without", ()), "flow_sigmas"]}


def claim(  # noqa: PLR0913 - a claim is a row of a table, with these columns
    reference: str,
    scheduler: str,
    source: str,
    quote: str,
    *,
    name: str = "",
    stages: str = "single",
    grids: dict[str, dict[str, Any]] | None = None,
    parameterizations: dict[str, str] | None = None,
    config: dict[str, Any] | None = None,
    base: dict[str, Any] | None = None,
    init: tuple[str, ...] | dict[str, str] = (),
    timesteps: tuple[str, ...] = (),
    step: tuple[str, ...] = (),
    driven: tuple[str, ...] = (),
    levels: str = "sigma",
    loop: str = "pipeline",
    cases: tuple[str, ...] = ("*",),
    needs: tuple[str, ...] = (),
    note: str = "",
    domain: Mapping[str, Any] | None = None,
) -> Claim:
    """One row: that a scheduler, so configured, is a reference; `quote` and `source` are the documentation's own words and their place."""
    return Claim(
        id=f"{reference}@{name}" if name else reference,
        reference=reference,
        implementation=scheduler,
        source=source,
        quote=quote,
        note=note,
        cases=cases,
        settings={
            "stages": {"kind": stages},
            "levels": {"kind": levels},
            "loop": {"kind": loop},
            "needs": {"settings": needs},
            "grids": GRIDS if grids is None else grids,
            "parameterizations": EPS_V if parameterizations is None else parameterizations,
            "config": SD_V1 if config is None else config,
            "base": base or {},
            "options": {
                **(dict.fromkeys(init, "init") if isinstance(init, tuple) else {k: f"init:{v}" for k, v in init.items()}),
                **dict.fromkeys(timesteps, "timesteps"),
                **dict.fromkeys(step, "step"),
                **dict.fromkeys(driven, "loop"),
            },
            **({} if domain is None else {"domain": dict(domain)}),
        },
    )


# Domain, `order`, on whole training times that are told exactly: 37, 111 and 333 steps all come through time 270.
BY_THIRDS: dict[str, Any] = {"claimed": 2, "steps": [37, 111, 333], "until": 270}

# Domain, `borders`: the step count from which on the multistep schedulers no longer lower the order of the last steps.
BELOW_15 = {
    "15": "diffusers, lower_order_final: 'Whether to use lower-order solvers in the final steps. Only valid for < 15 inference steps.'"
}

# Bounds of the predicted clean picture, in specs whose knob `clip` has the words of trueto.references.bounded.
BOUNDED_SAID = (
    "diffusers, clip_sample_range: 'The maximum magnitude for sample clipping'; thresholding: 'Whether to use the \"dynamic thresholding\" "
    "method'; dynamic_thresholding_ratio, sample_max_value"
)
CLIP: dict[str, Any] = {"half": ({"clip_sample": True, "clip_sample_range": 0.5}, {"clip": "half"})}
THRESHOLD: dict[str, Any] = {
    "dynamic": ({"thresholding": True, "sample_max_value": 3.0}, {"clip": "dynamic"}),
    "strong": ({"thresholding": True, "dynamic_thresholding_ratio": 0.7, "sample_max_value": 1.5}, {"clip": "strong"}),
}
# The betas of the case's own schedule, written out (diffusers/adapter.py).
TRAINED_BETAS = axis(
    "diffusers, trained_betas: 'Pass an array of betas directly to the constructor without using `beta_start` and `beta_end`.'",
    true=({"trained_betas": True}, {}),
)
# The network's answer taken for a velocity or a clean picture, in specs with the knob `predicts`.
PREDICTION = axis(
    "diffusers, prediction_type: '`epsilon` (predicts the noise of the diffusion process), `sample` (directly predicts the noisy "
    "sample) or `v_prediction` (see section 2.4 of Imagen Video paper)'",
    v=({"prediction_type": "v_prediction"}, {"predicts": "v"}),
    x0=({"prediction_type": "sample"}, {"predicts": "x0"}),
)
ZERO_SNR_SAID = "diffusers, rescale_betas_zero_snr: 'Whether to rescale the betas to have zero terminal SNR.'"

# Axes that a claim with the loop of the pipelines takes in one line, where the frame of its spec has the knobs (trueto.references.asked).
HALF_WAY: dict[str, Any] = {name: ({}, {"strength": name}, {"strength": float(name)}) for name in ("0.3", "0.5", "0.8", "1")}
STRENGTH = axis(
    "diffusers documentation, api/pipelines/stable_diffusion/img2img, strength: 'The number of denoising steps depends on the amount of "
    "noise initially added'",
    least=4,
    **HALF_WAY,
)
# For samplers that remember nothing from one step to the next.
SPLIT = axis(
    "diffusers documentation, api/pipelines/stable_diffusion/stable_diffusion_xl, denoising_end and denoising_start: the refiner goes on "
    "with the latents of the base model",
    law="split",
    least=2,
    half=({}, {}, {"parted": 0.5}),
    late=({}, {}, {"parted": 0.8}),
)
# For schedulers that do not clip in their released configuration.
WIDE_CLIP = axis(
    "diffusers documentation, api/schedulers/ddim, clip_sample_range: 'The maximum magnitude for sample clipping'",
    law="clipping",
    wide=({"clip_sample": True, "clip_sample_range": 1e6}, {}),
)
GENERATOR = axis(
    "diffusers documentation, using-diffusers/reusing_seeds: a `Generator`, or for a batch a list of them",
    law="generators",
    one=({}, {}, {"generator": "one"}),
    list=({}, {}, {"generator": "list"}),
)
