"""The ledger: what a candidate declares to compute otherwise, and for which X."""

from trueto.ledger.entries import Deviation, Ledger, load_ledger
from trueto.ledger.rules import Rule

__all__ = ["Deviation", "Ledger", "Rule", "load_ledger"]
