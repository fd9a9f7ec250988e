"""Compiled networks: everything that a network does read once, rewritten as one program, and run as that."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="torch.compile, a whole network",
    plain="""
PyTorch can watch what a network does, write all of it down as one program, and run that from then on, often faster. A program of a whole
network goes through everything that the network does besides its blocks, too: times made into waves, sizes, connections across it.

The program is meant to compute the same. Operations may be put together or in another order, which is rounding and nothing else.""",
    authors="Jason Ansel, Edward Yang, Horace He and others",
    year=2024,
    paper="PyTorch 2: Faster Machine Learning Through Dynamic Python Bytecode Transformation and Graph Compilation, ASPLOS 2024",
    equations="none",
    function="torch.compile, as the library's documentation calls it",
    promise=Promises(
        {
            "output": "the same as with the switch off, within the rounding of the plain run, in float32 and in float64",
            "proof": "the compiled program was called: one without gaps for a U-Net, and one each for the two ways through an autoencoder",
        }
    ),
    code_and_paper="no difference known",
)
# By aot_eager for the reason that compiled_blocks.py gives. No quick cases: a network is read for seconds, a block in one.
CASES = tuple(Case(network, 1, options={"backend": "aot_eager"}, layers=("invariance",)) for network in ("unet", "autoencoder"))
