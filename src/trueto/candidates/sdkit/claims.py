"""Which samplers of sdkit are which originals: by the names that its users type, and the code that it names as theirs.

`make` in the settings of a claim: `sampler` is the name, `module` of `sdkit.generate.sampler` is where `make_samples` finds it, and
`asked` is how many steps more than the case's are asked for.
"""

from __future__ import annotations

from typing import Any

from trueto.model import Claim

__all__ = ["CLAIMS", "NO_CLAIMS"]

DOCS = "sdkit 2.1.1, README"
SAMPLERS = "16 samplers (including k-samplers and UniPC) [...] k-diffusion: https://github.com/crowsonkb/k-diffusion"
ONLY_GRID = {"model": {}}
K_SAMPLERS = {
    "euler_a": "euler_ancestral",
    "euler": "euler",
    "lms": "lms",
    "heun": "heun",
    "dpm2": "dpm_2",
    "dpm2_a": "dpm_2_ancestral",
    "dpmpp_2s_a": "dpmpp_2s_ancestral",
    "dpmpp_2m": "dpmpp_2m",
    "dpmpp_sde": "dpmpp_sde",
    "dpm_fast": "dpm_fast",
    "dpm_adaptive": "dpm_adaptive",
}
RANGES = {
    "dpm_fast": "asked for one step more: with n it takes n - 1 evaluations of the network",
    "dpm_adaptive": "asked for one step more: the number of steps gives the two ends alone, which are one with a single step",
}
COMPVIS = (
    DOCS + ", and its package stable-diffusion-sdkit",
    "This will install the ldm package, which contains the stable diffusion code.",
)
UNIPC = ("sdkit 2.1.1, sdkit/generate/sampler/unipc_samplers", "unipc is highly customizable [...] variant: bh1, bh2, vary_coeff")


def _claim(  # noqa: PLR0913 - a claim is a row of a table, with these columns
    reference: str,
    sampler: str,
    module: str,
    said: tuple[str, str],
    grids: dict[str, dict[str, Any]],
    *,
    cases: tuple[str, ...] = ("*",),
    forms: tuple[str, ...] = ("eps",),
    options: tuple[str, ...] = (),
    asked: int = 0,
    note: str = "",
) -> Claim:
    settings: dict[str, Any] = {
        "grids": grids,
        "parameterizations": {form: {} for form in forms},
        "options": dict.fromkeys(options, "call"),
    }
    settings["make"] = {"module": module, "sampler": sampler, "asked": asked}
    return Claim(reference, reference, f"generate.sampler:make_samples({sampler})", *said, cases, settings, note)


CLAIMS: tuple[Claim, ...] = (
    *(
        _claim(
            f"k_diffusion/{original}",
            name,
            "k_samplers",
            (DOCS, SAMPLERS),
            ONLY_GRID,
            forms=("eps", "v"),
            asked=1 if name in RANGES else 0,
            note=RANGES.get(name, ""),
        )
        for name, original in K_SAMPLERS.items()
    ),
    _claim("compvis/ddim", "ddim", "default_samplers", COMPVIS, {"uniform": {}}, cases=("[!e]*",), note="always with eta 0"),
    _claim("compvis/plms", "plms", "default_samplers", COMPVIS, {"uniform": {}}),
    *(
        _claim(
            f"unipc/{variant}",
            name,
            "unipc_samplers",
            UNIPC,
            {"uniform": {}, "quadratic": {}, "logsnr": {}},
            forms=("eps", "v"),
            options=("solver_order", "lower_order_final", "thresholding"),
            cases=cases,
            note=f"with `sampler_params` for what the name presets otherwise{more}",
        )
        for variant, name, cases, more in (
            ("bh1", "unipc_tu_2", ("*",), ""),
            ("bh2", "unipc_tu", ("*",), ""),
            ("vary_coeff", "unipc_snr_2", ("v-15",), "; one picture at a time: with more it raises"),
        )
    ),
)

NO_CLAIMS: dict[str, str] = {
    "dpm_solver/multistep": "'dpm_solver_stability' is the copy in stable-diffusion-sdkit, of which sdkit says nothing but the name",
}
