"""CLIP's tokenizer: Radford et al. 2021 (arXiv 2103.00020), byte pairs after Sennrich et al. 2016 (arXiv 1508.07909).

Not to be confused with GPT-2's, which keeps capitals and spaces and does not clean what it is given.
"""

import html
import importlib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from trueto.errors import DataError
from trueto.fixtures.prompts import KINDS, LENGTH, prompts
from trueto.fixtures.words import BEGIN, END, MERGES, byte_characters, vocabulary
from trueto.model import Case
from trueto.references.card import Card, Promises

CARD = Card(
    title="CLIP's tokenizer",
    plain="""
Before a network can read a prompt, the text is cut into pieces of words, and each piece is a number. CLIP cleans the text first: it puts
right what was garbled by a wrong encoding, straightens curly quotes, reads `&amp;` as &, and takes capitals for small letters.

A tokenizer that leaves one of these out hands other numbers to the network, and the same prompt gives another picture. Prompts are pasted
from web pages and word processors, where curly quotes and `&amp;` are common.""",
    authors="Alec Radford, Jong Wook Kim, Chris Hallacy and others, OpenAI",
    year=2021,
    paper="Learning Transferable Visual Models From Natural Language Supervision, arXiv 2103.00020",
    equations="section 2.4: byte pair encoding of lower-cased text, between a mark of the beginning and one of the end",
    function="clip/clip.py: tokenize",
    line=205,
    default_of="CLIP; the prompts of Stable Diffusion were read by transformers' version of it, in training as well",
    promise=Promises(
        {
            "cleaning": "ftfy.fix_text, then HTML entities are read twice, then white space becomes one space",
            "case": "small letters; the two marks are marks in capitals too",
            "pieces": "letters together, digits one by one, other signs together, seven English endings apart",
            "length": "cut to the length asked for, with the end mark as the last piece",
            "weights": "the vocabulary is a small one of our own that has every byte; with --weights the original's",
        }
    ),
    code_and_paper="the paper does not speak of cleaning",
)


class How(NamedTuple):
    """The knobs."""

    cleaning: str = "ftfy_and_html"
    marks: str = "any_case"
    small: str = "by_word"
    cut: str = "any_case"


CHECKPOINT = "clip_vocabulary"
CASES = tuple(
    Case(kind, 1, quick=kind in ("plain", "curly"), options={"prompts": kind}, layers=("preprocess",))
    for kind in (*KINDS, "composed", "soiled")
)
KNOBS = {
    "cleaning": ("ftfy_and_html", "nfc"),  # nfc: transformers from version 5 on, Unicode's composed form and nothing else
    "marks": ("any_case", "as_written"),  # as_written: transformers, to which <|ENDOFTEXT|> is no mark, and !!<|endoftext|> has one
    "small": ("by_word", "by_letter"),  # by_letter: transformers, to which a sigma at the end of a word is one as any other
    "cut": ("any_case", "as_written"),  # as_written: transformers, to which an s that only capitals make one is no English ending
}

ENDINGS = tuple(f"'{ending}" for ending in ("s", "t", "re", "ve", "m", "ll", "d"))
MARKS = (BEGIN, END)
WRITTEN = re.compile(f"({'|'.join(map(re.escape, MARKS))})")
RANKS, NEVER = {pair: rank for rank, pair in enumerate(MERGES)}, len(MERGES)
SHOWN = 40  # characters of a text in a message
NUMBERS, CHARACTERS = vocabulary(), byte_characters()
SEPARATORS = "\x1c\x1d\x1e\x1f"  # to Python white space, to Unicode none: they go at the ends of a text and stay within it
IOTA_BELOW = (
    "\N{COMBINING GREEK YPOGEGRAMMENI}"  # a sign that is the letter iota in capitals: where capitals do not count neither of the two
)
LONG_S = "\N{LATIN SMALL LETTER LONG S}"  # an s in capitals: stands for one in English endings


def outputs(
    case: Case, *, cleaning: str = "ftfy_and_html", marks: str = "any_case", small: str = "by_word", cut: str = "any_case"
) -> dict[str, np.ndarray[Any, Any]]:
    """The spec: `tokens` (prompts, LENGTH), int64, of the case's prompts.

    UnicodeEncodeError for half of a surrogate pair that is not cleaned, DataError where cleaning needs ftfy and it is not installed.
    """
    how = How(cleaning, marks, small, cut)
    found = [numbers(pieces(text, how)) for text in prompts(case.options["prompts"], case.seed)]
    return {"tokens": np.array(found, dtype=np.int64)}


def tell(case: Case, wanted: Mapping[str, np.ndarray[Any, Any]], got: Mapping[str, np.ndarray[Any, Any]]) -> str:
    """The first text that is read otherwise, its code points, and its pieces on both sides."""
    rows = np.flatnonzero((wanted["tokens"] != got["tokens"]).any(axis=1))
    text = prompts(case.options["prompts"], case.seed)[rows[0]]
    named = {number: piece for piece, number in NUMBERS.items()}
    pieces_of = [[named.get(number, "?") for number in both["tokens"][rows[0]].tolist()] for both in (wanted, got)]
    expected, seen = (" ".join(found[1 : found.index(END)] if END in found else found[1:]) or "nothing" for found in pieces_of)
    points = " ".join(f"U+{ord(character):04X}" for character in text[:SHOWN]) + (" ..." if len(text) > SHOWN else "")
    more = f" ({len(rows) - 1} more texts)" if len(rows) > 1 else ""
    return f"{text[:SHOWN]!r} ({points}) is read as {expected}, by the candidate as {seen}{more}"


def numbers(found: Sequence[str]) -> list[int]:
    """Pieces as LENGTH numbers: the first mark, the pieces as far as there is room, the last mark up to the end."""
    row = (BEGIN, *found[: LENGTH - 2], *[END] * max(1, LENGTH - 1 - len(found)))
    return [NUMBERS[piece] for piece in row]


def pieces(text: str, how: How) -> list[str]:
    """The pieces of a text between its two marks."""
    return [piece for word in words(text, how) for piece in ([word] if word in MARKS else joined(word))]


def words(text: str, how: How) -> list[str]:
    """The words of a text; marks as they are written part it before anything else is done, and others are words with signs around."""
    found: list[str] = []
    for part in WRITTEN.split(text) if how.marks == "as_written" else [text]:
        if how.marks == "as_written" and part in MARKS:
            found.append(part)
            continue
        for word in apart(small(cleaned(part, how.cleaning), how.small), (*MARKS, *ENDINGS), how.cut):
            found += apart(word, ENDINGS, how.cut) if how.marks == "as_written" and word in MARKS else [word]
    return found


def cleaned(text: str, how: str) -> str:
    """A text put right, without white space at its ends; or in Unicode's composed form and nothing else."""
    if how == "nfc":
        return unicodedata.normalize("NFC", text)
    try:
        repaired = importlib.import_module("ftfy").fix_text(text)
    except ImportError as error:
        raise DataError("the spec of openai_clip/tokens puts text right with ftfy, which is not installed", "pip install ftfy") from error
    return html.unescape(html.unescape(repaired)).strip()


def small(text: str, how: str) -> str:
    """A text in small letters; a Greek sigma at the end of a word has another form there, which letter by letter nobody sees."""
    return text.lower() if how == "by_word" else "".join(letter.lower() for letter in text)


def kind(character: str) -> str:
    """Letter, number, space or sign, by Unicode's category."""
    if character.isspace() and character not in SEPARATORS:
        return "space"
    return {"L": "letter", "N": "number"}.get(unicodedata.category(character)[0], "sign")


def apart(text: str, known: tuple[str, ...], how: str) -> Iterator[str]:
    """From left to right: what is known (a mark, an English ending), a digit, or all letters or signs that stand together; no spaces.

    In any case a sign that is a letter in capitals is neither of both, and parts words as a space does.
    """
    kinds, looked_at, at = [kind(character) for character in text], text, 0
    if how == "any_case":
        kinds = ["space" if character == IOTA_BELOW else its for character, its in zip(text, kinds, strict=True)]
        looked_at = text.replace(LONG_S, "s")
    while at < len(text):
        end = at + 1
        if whole := next((one for one in known if looked_at.startswith(one, at)), ""):
            end = at + len(whole)
        elif kinds[at] != "number":
            while end < len(text) and kinds[end] == kinds[at]:
                end += 1
        if kinds[at] != "space":
            yield text[at:end]
        at = end


def joined(word: str) -> list[str]:
    """The pieces of a word, from its bytes on: neighbours become one wherever they meet, in the order of the merges."""
    found = [CHARACTERS[byte] for byte in word.encode()]
    found[-1] += "</w>"
    while (pair := min(pairwise(found), key=lambda pair: RANKS.get(pair, NEVER), default=("", ""))) in RANKS:
        found = list(merged(found, pair))
    return found


def merged(found: list[str], pair: tuple[str, str]) -> Iterator[str]:
    """Pieces with each such pair as one, from the left."""
    at = 0
    while at < len(found):
        both = tuple(found[at : at + 2]) == pair
        yield "".join(pair) if both else found[at]
        at += 2 if both else 1
