"""Checkpoints of users: what weights they hold, under which names and in which sizes; read by their headers, never unpickled."""

from trueto.checkpoints.checkpoint import Checkpoint, digest_of, open_checkpoint
from trueto.checkpoints.files import Stored

__all__ = ["Checkpoint", "Stored", "digest_of", "open_checkpoint"]
