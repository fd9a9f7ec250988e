"""Which networks of diffusers are the originals', with the originals' weights moved by diffusers' own conversion."""

from __future__ import annotations

from trueto.model import Claim

__all__ = ["CLAIMS", "NO_CLAIMS"]

SINGLE_FILE = "diffusers documentation, api/loaders/single_file, FromOriginalModelMixin.from_single_file"
LOADS = "Instantiate a model from pretrained weights saved in the original `.ckpt` or `.safetensors` format."


def network(reference: str, implementation: str, source: str = SINGLE_FILE, quote: str = LOADS, *, by: str = "from_single_file") -> Claim:
    """One row: that a network is the original's once `by` has moved its weights."""
    how = {"class": implementation, "weights": f"seeded, converted by {by}"}
    return Claim(id=reference, reference=reference, implementation=implementation, source=source, quote=quote, settings={"network": how})


CLAIMS: tuple[Claim, ...] = (
    network("compvis/unet", "UNet2DConditionModel"),
    network("compvis/autoencoder", "AutoencoderKL"),
    network("generative_models/unet", "UNet2DConditionModel"),
    network("controlnet/controlnet", "ControlNetModel"),
    network("sd3/mmdit", "SD3Transformer2DModel"),
    network("flux/transformer", "FluxTransformer2DModel", by="from_single_file, with the toy's width in the place of 3072"),
)
NO_CLAIMS: dict[str, str] = {}
