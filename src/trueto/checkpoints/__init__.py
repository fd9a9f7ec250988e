"""Checkpoints of users: what weights they hold, under which names and in which sizes, or which vocabulary; never unpickled."""

from trueto.checkpoints.checkpoint import Checkpoint, Given, digest_of, open_checkpoint
from trueto.checkpoints.clip_vocabulary import Vocabulary
from trueto.checkpoints.files import Stored

__all__ = ["Checkpoint", "Given", "Stored", "Vocabulary", "digest_of", "open_checkpoint"]
