"""What swift claims to be, for trueto: `trueto smoke`, `trueto gate`."""

from trueto.conformance import functions

ADAPTER = functions(
    "swift",
    {
        "k_diffusion/heun": "swift.samplers:heun",
    },
    source="swift/samplers.py",
    quote="Heun's method, as in k-diffusion",
)
