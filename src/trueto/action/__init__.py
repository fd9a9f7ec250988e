"""The gate inside GitHub Actions: what its action and its workflows do, as a program that can be tested."""

from trueto.action.comment import make_comment
from trueto.action.gate import run_gate

__all__ = ["make_comment", "run_gate"]
