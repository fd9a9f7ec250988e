"""Memory order: channels last instead of first."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="Channels last in memory",
    plain="""
A picture in memory can lie channel by channel, or with all channels of a pixel side by side. The second is faster for convolutions on some
hardware.

It is the same picture with the same numbers in another order of memory. So the result must be the same.""",
    authors="PyTorch authors",
    year=2020,
    paper="none: an order of memory",
    equations="x[n, c, h, w] stays x[n, c, h, w]",
    function="the library's own switch: to(memory_format=torch.channels_last)",
    promise=Promises(
        {
            "order": "of memory only; no index changes its meaning",
            "output": "the same as with the switch off, within the rounding of the plain run, in float32 and in float64",
            "proof": "what the first convolution returns lies in memory with channels last",
        }
    ),
    code_and_paper="no difference known",
)
CASES = (
    Case("unet", 1, quick=True, layers=("invariance",)),
    Case("autoencoder", 1, seed=1, layers=("invariance",)),
)
