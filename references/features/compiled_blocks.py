"""Compiled blocks: a block's operations read once, rewritten as one program, and run as that."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="torch.compile, block by block",
    plain="""
PyTorch can watch what a part of a network does, write it down as one program, and run that from then on. Compiling only the blocks that
a network repeats takes a fraction of the time that compiling all of it takes.

The program is meant to compute the same. Operations may be put together or in another order, which is rounding and nothing else.""",
    authors="Jason Ansel, Edward Yang, Horace He and others",
    year=2024,
    paper="PyTorch 2: Faster Machine Learning Through Dynamic Python Bytecode Transformation and Graph Compilation, ASPLOS 2024",
    equations="none",
    function="the library's own switch: compilation of repeated blocks",
    promise=Promises(
        {
            "block": "computes what it does uncompiled",
            "output": "the same as with the switch off, within the rounding of the plain run, in float32 and in float64",
            "proof": "the compiled program of a block was called, as one program without gaps",
        }
    ),
    code_and_paper="no difference known",
)
# aot_eager reads a block whole and takes its operations apart as every compiler of PyTorch does, and then runs them as they are: seconds,
# where machine code takes a minute (tests/test_switches.py judges that one, `inductor`, too).
CASES = (Case("unet", 1, quick=True, options={"backend": "aot_eager"}, layers=("invariance",)),)
