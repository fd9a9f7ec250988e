"""Drawing text for functions that read it: what people type and paste, and what nobody would.

A text is one X, named by its code points (`text=61+301` is á in two parts). Many are asked for in one run; where one of them
differs, halves of them are, until it stands alone.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from trueto.errors import UsageError
from trueto.fixtures.prompts import TEXT, prompts, spelled
from trueto.fixtures.words import BEGIN, END, SPELLED
from trueto.model import Case, Judgement, Layer

__all__ = ["batches", "judged_together", "read_text", "smallest_part", "text_case", "texts"]

MOST, LONG = 8, 300  # pieces of a text; letters of a very long word
LAST = 0x10FFFF
# Half of a surrogate pair is no text, and the next version of Unicode may make a letter of what has no name yet.
ANY = st.characters(exclude_categories=("Cs", "Cn"))
SIGNS = {
    "space": " \t\n\v\f\r\x1c\x1f\x85\xa0\u1680\u2003\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff",
    "quote": "'\"`\u00b4\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2032\u2033\u00ab\u00bb\u02bc",
    "control": "\x00\x01\x07\x08\x0e\x1b\x7f\x80\x9f\xad\u200e\u202e\ufff9\ufffd",
    "combining": "\u0300\u0301\u0308\u0327\u0345\u034f\u0591\u093c\u0e31\u1161\u11a8\u20dd\u3099",
    "capital": "A\u00c0\u00c9\u0130I\u017f\u00df\u1e9e\u03a3\u03c2\u017f\u1e9bK\u00c5\u03a9"
    "\u01c5\u0152\u00c6\u0150\u0414\u0416\u0531\u10a0\u13a0\u13f8\uab70\U00010400\U0001d400\u2167\u24d0",
    "digit": "0123456789\u00b2\u00bd\u0663\u0969\u216b\u3007\u2460\U0001d7d9",
    "sign": "!?.,;:-–—…_()[]{}<>|/\\&#@%*+=~^$€©®™°",
}
ENTITIES = ("amp", "lt", "gt", "quot", "nbsp", "eacute", "rsquo", "copy", "notanentity", "#39", "#8217", "#x1F600", "#0", "#150")
FACES = "😀❤☺👍👩🚀🇺🇸🏳🌈1#©"
JOINERS = ("", "\u200d", "\ufe0f", "\ufe0e", "🏽", "\u20e3", "\U000e0067")
ENDINGS = ("s", "t", "re", "ve", "m", "ll", "d")


def _in_any_case(words: Iterable[str]) -> st.SearchStrategy[str]:
    """One of these words with any of its letters in capitals."""

    def raised(word: str, which: int) -> str:
        return "".join(letter.upper() if which >> place & 1 else letter for place, letter in enumerate(word))

    return st.builds(raised, st.sampled_from(tuple(words)), st.one_of(st.just(0), st.integers(0, (1 << 16) - 1)))


def _entity(name: str, times: int, end: str) -> str:
    """An HTML entity, with its & written as an entity again and again."""
    return "&" + "amp;" * times + name + end


def _garbled(text: str, encoding: str) -> str:
    """What becomes of a text that is read in the wrong encoding."""
    return text.encode(errors="replace").decode(encoding, errors="replace")


def _long(word: str, length: int) -> str:
    """A word again and again without a space, of so many characters."""
    return (word * length)[:length]


def _pieces() -> st.SearchStrategy[str]:
    """A piece of a text."""
    signs = [st.text(st.sampled_from(signs), min_size=1, max_size=3) for signs in SIGNS.values()]
    return st.one_of(
        st.sampled_from(SPELLED),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=6),
        *signs,
        _in_any_case(SPELLED),
        st.builds("'{}".format, _in_any_case(ENDINGS)),
        _in_any_case((BEGIN, END)),
        st.builds(_entity, st.sampled_from(ENTITIES), st.integers(0, 3), st.sampled_from((";", "", " "))),
        st.builds(_garbled, st.text(ANY, max_size=4), st.sampled_from(("latin-1", "cp1252", "mac_roman", "cp437"))),
        st.lists(st.builds("{}{}".format, st.sampled_from(FACES), st.sampled_from(JOINERS)), max_size=4).map("".join),
        st.builds(_long, st.sampled_from((*SPELLED, "\u00e9", "7", "!", "\u732b")), st.integers(1, LONG)),
        st.text(ANY, max_size=6),
    )


def texts() -> st.SearchStrategy[Case]:
    """A text of a few pieces; shrinking ends in few plain characters."""
    return st.lists(_pieces(), max_size=MOST).map(lambda pieces: text_case(["".join(pieces)]))


def text_case(several: list[str]) -> Case:
    """The case of some texts; its id spells out one, of several it says how many and their checksum."""
    points = spelled(several)
    name = points if len(several) == 1 else f"{TEXT}{len(several)}@{zlib.crc32(points.encode()):08x}"
    return Case(name, 1, options={"prompts": points}, layers=(Layer.PREPROCESS,))


def texts_of(case: Case) -> tuple[str, ...]:
    """The texts of a case."""
    return prompts(case.options["prompts"])


def batches(cases: Iterable[Case], size: int) -> list[Case]:
    """The texts of many cases, in cases of so many each."""
    found = [text for case in cases for text in texts_of(case)]
    return [text_case(found[begin : begin + size]) for begin in range(0, len(found), size)]


def smallest_part(case: Case, differs: Callable[[Case], Any]) -> Case:
    """One text of a case that differs alone, found by halves; the case as it is where it only differs as a whole."""
    while len(found := texts_of(case)) > 1:
        middle = len(found) // 2
        halves = (text_case(list(half)) for half in (found[:middle], found[middle:]))
        smaller = next((half for half in halves if differs(half)), None)
        if smaller is None:
            break
        case = smaller
    return case


def judged_together(
    cases: Sequence[Case], judge: Callable[[Case, Layer], Judgement], seconds: float
) -> tuple[list[Judgement], Judgement | None, list[Case]]:
    """What was judged of cases of many texts, the smallest part that differs where one does, and the cases for which no time was left."""
    held: list[Judgement] = []
    began = time.monotonic()

    def differs(case: Case) -> bool:
        found = judge(case, Layer.PREPROCESS)
        return found.verdict.bad or found.verdict.unknown

    for place, case in enumerate(cases):
        if time.monotonic() - began > seconds:
            return held, None, list(cases[place:])
        found = judge(case, Layer.PREPROCESS)
        if found.verdict.bad or found.verdict.unknown:
            return held, judge(smallest_part(case, differs), Layer.PREPROCESS), []
        held.append(found)
    return held, None, []


def read_text(name: str) -> Case:
    """The case that an id spells out, as `text=61+301`; UsageError where it spells out none."""
    if "@" in name:
        raise UsageError(f"'{name}' says how many texts were drawn, and not which", "a single text, as text=61+301; or --laws ci")
    try:
        return text_case(list(prompts(name)))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"'{name}' is no text by its code points in hexadecimal: {error}", "text=61+301") from error
