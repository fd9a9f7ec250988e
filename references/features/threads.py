"""Threads: the same computation on more cores."""

from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="Two threads",
    plain="""
A large product is cut into parts that several cores compute at once. How it is cut decides in which order numbers are added up.

That is rounding, and nothing else. So the picture must not depend on the computer's number of cores.""",
    authors="PyTorch authors",
    year=2016,
    paper="none: an order of adding up",
    equations="none",
    function="torch.set_num_threads",
    promise=Promises(
        {
            "order": "of adding up only",
            "output": "the same as with the switch off, within the rounding of the plain run, in float32 and in float64",
            "proof": "a second thread was there after the run that was not there before it",
        }
    ),
    code_and_paper="no difference known",
)
CASES = (
    Case("unet", 1, quick=True, layers=("invariance",)),
    Case("autoencoder", 1, seed=1, layers=("invariance",)),
)
