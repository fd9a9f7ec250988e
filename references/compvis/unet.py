"""The U-Net of latent diffusion and Stable Diffusion v1, at toy size: Rombach et al. 2022."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="U-Net of Stable Diffusion v1",
    plain="""
The network that is asked at every step which part of a noisy picture is noise. It shrinks the picture in stages, mixes in the words of the
prompt by attention, and enlarges it again, with a shortcut from each stage down to the stage of the same size up.

Every picture of Stable Diffusion v1 is what this network says, twenty or fifty times over. A library that loads the released weights into
layers of its own has to give the same answer from each of them: one wrong constant in a normalisation changes every picture a little, and
one block in the wrong place ruins them.""",
    authors="Robin Rombach, Andreas Blattmann, Dominik Lorenz, Patrick Esser, Björn Ommer; from OpenAI's U-Net",
    year=2022,
    paper="High-Resolution Image Synthesis with Latent Diffusion Models, arXiv 2112.10752",
    equations="section 3.3 and equation 3 (cross attention); appendix E.2.1, table 15",
    function="ldm/modules/diffusionmodules/openaimodel.py: UNetModel",
    line=413,
    default_of="Stable Diffusion v1-1 to v1-5 (configs/stable-diffusion/v1-inference.yaml, at full size)",
    promise=Promises(
        {
            "time": "cosines, then sines of the time at frequencies from 1 down to almost 1/10000; two linear layers with SiLU between",
            "normalisation": "32 groups, computed in float32; epsilon 1e-5 in residual blocks and at the end, 1e-6 before a transformer",
            "attention": "the number of heads is fixed (8), their width grows with the channels; softmax of q k / sqrt(width)",
            "feed forward": "GEGLU: half of the channels times the exact GELU of the other half",
            "weights": "toy size, every one seeded, also those that training begins at zero",
        }
    ),
    code_and_paper="no difference known",
)
CASES = (Case("toy", 1, quick=True, layers=("module",)), Case("other-times", 1, seed=1, layers=("module",)))
