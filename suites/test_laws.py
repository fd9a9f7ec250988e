"""The laws: what must hold for every X of a claim's domain. Hypothesis draws; what it finds is shrunk to the smallest X.

Unlike cells, X here is drawn, and the truth is the certified spec's. docs/laws.md says what each law means.
"""

from collections.abc import Callable

from trueto.model import Claim


def test_agreement(lawful: Claim, holds: Callable[[Claim], None]) -> None:
    """Spec and candidate compute the same thing, in every layer, or differ as declared."""
    holds(lawful)


def test_repeat(lawful: Claim, holds: Callable[[Claim], None]) -> None:
    """The same seed twice gives the same bits."""
    holds(lawful)


def test_batch(lawful: Claim, holds: Callable[[Claim], None]) -> None:
    """What becomes of one picture does not depend on what else is in the batch."""
    holds(lawful)


def test_generators(lawful: Claim, holds: Callable[[Claim], None]) -> None:
    """A list of generators gives each picture what it gets alone; one generator is the same as the seed."""
    holds(lawful)


def test_split(lawful: Claim, holds: Callable[[Claim], None]) -> None:
    """A run that is broken off and continued by a new object gives the picture of the whole run."""
    holds(lawful)


def test_clipping(lawful: Claim, holds: Callable[[Claim], None]) -> None:
    """Clipping to a range that no clean picture leaves changes nothing."""
    holds(lawful)


def test_forms(lawful: Claim, holds: Callable[[Claim], None]) -> None:
    """The same denoiser, written as noise, velocity or clean picture, gives the same sample."""
    holds(lawful)


def test_order(lawful: Claim, holds: Callable[[Claim], None]) -> None:
    """Halving the steps brings the sample nearer to the exact solution, at the claimed order."""
    holds(lawful)


def test_steps(lawful: Claim, holds: Callable[[Claim], None]) -> None:
    """Every step count from the domain's smallest to its largest ends in finite numbers, on the original's levels or the declared ones."""
    holds(lawful)
