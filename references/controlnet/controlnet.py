"""ControlNet on the U-Net of Stable Diffusion v1, at toy size: Zhang et al. 2023."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="ControlNet",
    plain="""
ControlNet lets a drawing, a pose or a depth map say where things go. A copy of the first half of the U-Net is shown the drawing along with
the noisy picture, and what it returns at every stage is added to the shortcuts of the U-Net itself.

It only works while each addition arrives at its own stage and at its own strength. A library that added them in another place would still
give pictures, which follow the drawing less well.""",
    authors="Lvmin Zhang, Anyi Rao, Maneesh Agrawala",
    year=2023,
    paper="Adding Conditional Control to Text-to-Image Diffusion Models, arXiv 2302.05543",
    equations="equation 2; figure 3",
    function="cldm/cldm.py: ControlNet, ControlledUnetModel",
    line=48,
    default_of="the ControlNets for Stable Diffusion v1 (models/cldm_v15.yaml, at full size)",
    promise=Promises(
        {
            "drawing": "eight kernels of 3, three of them with stride 2, SiLU between, no normalisation; added after the first kernel",
            "additions": "a kernel of 1 behind each block of the copy and behind its middle",
            "place": "added to the shortcuts and to the middle, in reverse order",
            "weights": "toy size, every one seeded, also the kernels of 1 that training begins at zero",
        }
    ),
)
CASES = (Case("toy", 1, quick=True, layers=("module",)),)
