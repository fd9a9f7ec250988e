"""CLIP's vocabulary as a user has it: the original's file of merges, or a tokenizer's folder as transformers writes it."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from trueto.errors import DataError
from trueto.fixtures.words import vocabulary, write_merges, write_tokenizer
from trueto.model import Case

__all__ = ["WRITE_TOKENIZER", "Vocabulary", "digest_of_words", "is_vocabulary", "open_vocabulary", "words_of"]

KIND = "clip_vocabulary"
MOST = 48_894  # merges that the original takes of its file: 49,152 pieces less twice the 256 bytes, and the two marks besides
ZIPPED, FOLDED = ".gz", ("vocab.json", "tokenizer.json")
FOLDER = "--weights PATH of clip/bpe_simple_vocab_16e6.txt.gz in a clone of openai/CLIP, or of a folder with vocab.json and merges.txt"
WRITE_TOKENIZER = (
    "python -c \"from transformers import CLIPTokenizer as T; T.from_pretrained('openai/clip-vit-large-patch14').save_pretrained('{}')\""
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Pieces of words with their numbers, and the merges (two pieces and a space between) in their order; `form` is `file` or `folder`."""

    path: Path
    form: str
    pieces: Mapping[str, int]
    merges: tuple[str, ...]
    kind: str = KIND

    @property
    def numbers(self) -> int:
        """How many pieces it has."""
        return len(self.pieces)

    def fitted(self, case: Case) -> Case:
        """The case with this vocabulary, everything else as it is."""
        return replace(case, weights=str(self.path))

    def digest(self) -> str:
        """SHA-256 of pieces and merges: the same in both forms."""
        found = hashlib.sha256()
        found.update(digest_of_words(self.pieces, self.merges))
        return found.hexdigest()

    def write_tokenizer(self, folder: Path) -> Path:
        """The folder from which transformers makes its tokenizer: the user's own, or the files written of the merges."""
        if self.form == "folder":
            return Path(shutil.copytree(self.path, folder))
        return write_tokenizer(folder, _pairs(self.merges))

    def write_merges(self, folder: Path) -> Path:
        """The file from which the original makes its tokenizer: the user's own, or one written of the folder's merges."""
        if self.form == "file":
            return self.path
        return write_merges(folder / "merges.txt.gz", _pairs(self.merges))


def is_vocabulary(path: Path) -> bool:
    """Whether what lies there is meant as a vocabulary, and as no network."""
    return path.suffix == ZIPPED if path.is_file() else any((path / name).is_file() for name in FOLDED)


def open_vocabulary(path: Path) -> Vocabulary:
    """The vocabulary at a path; DataError says what is wrong with it."""
    if path.is_dir():
        pieces, merges = words_of(path)
        found = Vocabulary(path, "folder", pieces, tuple(merges))
    else:
        merges = _lines(path)[1 : MOST + 1]
        found = Vocabulary(path, "file", vocabulary(_pairs(merges, path)), tuple(merges))
    if found.pieces != vocabulary(_pairs(found.merges, path)) or len(found.merges) > MOST:
        said = f"{path}: its pieces are not numbered as CLIP does: bytes, bytes that end a word, at most {MOST} merges, two marks"
        raise DataError(said, FOLDER)
    return found


def words_of(folder: Path) -> tuple[dict[str, int], list[str]]:
    """Pieces of words with their numbers, and merges, of a tokenizer's folder as transformers writes it, old or new."""
    try:
        if (folder / "vocab.json").is_file():
            lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
            merges = [line for line in lines if line and not line.startswith("#version")]
            return json.loads((folder / "vocab.json").read_text(encoding="utf-8")), merges
        model = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
        return model["vocab"], [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder} is no tokenizer of CLIP: {error}", WRITE_TOKENIZER.format(folder)) from error


def digest_of_words(pieces: Mapping[str, int], merges: tuple[str, ...] | list[str]) -> bytes:
    """What a digest is taken of."""
    return json.dumps((dict(pieces), list(merges)), sort_keys=True).encode()


def _lines(path: Path) -> list[str]:
    try:
        return gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a vocabulary, or damaged: {error}", FOLDER) from error


def _pairs(merges: tuple[str, ...] | list[str], path: Path = Path()) -> tuple[tuple[str, str], ...]:
    pairs = [tuple(line.split(" ")) for line in merges]
    if wrong := next((line for line, pair in zip(merges, pairs, strict=True) if len(pair) != 2), None):
        raise DataError(f"{path}: a line of it is not two pieces with a space between: {wrong[:40]!r}", FOLDER)
    return tuple((first, second) for first, second in pairs)
