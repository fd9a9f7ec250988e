"""What steady claims to be, for trueto: `trueto smoke`, `trueto gate`."""

from trueto.conformance import functions

ADAPTER = functions(
    "steady",
    {
        "k_diffusion/euler": "steady.samplers:euler",
        "k_diffusion/heun": "steady.samplers:heun",
    },
    source="steady/__init__.py",
    quote="two samplers for diffusion models, as k-diffusion has them",
)
