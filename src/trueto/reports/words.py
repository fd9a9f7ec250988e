"""The words, signs and numbers that all reports share: what each verdict is called, and how a size is said in plain words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from trueto.errors import DataError
from trueto.likeness import grey_words
from trueto.model import Verdict

__all__ = [
    "COMPARED",
    "DECLARED_MEANS",
    "LAYER_WORDS",
    "LEGEND",
    "LOG10_OF_ZERO",
    "RANK",
    "Sign",
    "against",
    "gate_says",
    "log10_ratio",
    "number",
    "plural",
    "said_of_cell",
    "size_words",
    "step_words",
    "times",
    "verdict_of",
]

LOG10_OF_ZERO = -3.0
"""What stands for log10(0) where a number is needed: a thousandth of the original's own rounding."""

GREY_BELOW = LEAST_SAID = 0.01
PLAIN_ABOVE, PLAIN_BELOW = 1e-3, 1e6
TENS = 9.95

DECLARED_MEANS = (
    "A ledger of deviations names this difference: what the library computes instead, why, which test proves it, and who wrote that. "
    "The result was compared with exactly that, and equals it. Anything else, or anything more, would show as a difference."
)


COMPARED = {
    "original": "the original",
    "variant": "what is declared",
    "spec on the candidate's own levels": "the original's rule on the library's own noise levels",
    "feature off": "the library with the feature off",
}
"""What a cell's numbers are distances from, by `compared_with` of the run record."""


@dataclass(frozen=True, slots=True)
class Sign:
    """How a verdict is shown: a `symbol` for text, an `icon` and `tone` for the site, a `word` for a tile, `means` for the legend."""

    symbol: str
    icon: str
    tone: str
    word: str
    means: str


LEGEND: dict[Verdict, Sign] = {
    Verdict.IDENTICAL: Sign("✓", "identical", "same", "identical", "Every bit equals what the original computes."),
    Verdict.FAITHFUL: Sign("✓", "same", "same", "same", "The same as the original, within the original's own rounding."),
    Verdict.CONSISTENT: Sign(
        "✓",
        "same",
        "same",
        "consistent",
        "A setting that the original does not have: consistent with what the original's parts make of it.",
    ),
    Verdict.DECLARED: Sign("≠", "declared", "declared", "declared", "Differs from the original in a known way, and in no other."),
    Verdict.DECLARED_UNEXPLAINED: Sign(
        "≈", "unexplained", "declared", "unexplained", "Declared, but only as a range of numbers: nobody has said what is computed instead."
    ),
    Verdict.DRIFTED: Sign("✗", "drifted", "bad", "differs", "Differs from the original by more than rounding, and nobody has declared it."),
    Verdict.STALE: Sign(
        "!", "stale", "warn", "stale", "A difference is declared, but it is no longer there, or it is another one than the ledger says."
    ),
    Verdict.BROKEN: Sign(
        "✗✗", "broken", "bad", "broken", "Stopped with an error, or returned no usable numbers, where the original returns a result."
    ),
    Verdict.BEYOND: Sign(
        "+", "beyond", "same", "beyond", "Returns a result where the original stops with an error. Not counted as a failure."
    ),
    Verdict.DISPUTED: Sign(
        "??",
        "disputed",
        "unknown",
        "disputed",
        "Independent libraries differ from the recording in the same way: the recording is in doubt.",
    ),
    Verdict.UNJUDGED: Sign("?", "unjudged", "unknown", "not judged", "Could not be judged. This never counts as a success."),
    Verdict.NO_CLAIM: Sign("·", "none", "none", "no claim", "The library does not say that it implements this original."),
}

RANK: dict[Verdict, int] = {
    verdict: rank
    for rank, verdict in enumerate(
        (
            Verdict.NO_CLAIM,
            Verdict.IDENTICAL,
            Verdict.FAITHFUL,
            Verdict.CONSISTENT,
            Verdict.BEYOND,
            Verdict.DECLARED,
            Verdict.DECLARED_UNEXPLAINED,
            Verdict.UNJUDGED,
            Verdict.DISPUTED,
            Verdict.STALE,
            Verdict.DRIFTED,
            Verdict.BROKEN,
        )
    )
}
"""Verdicts from harmless to worst: reports list the worst first."""

LAYER_WORDS = {
    "schedule": ("noise levels", "which noise levels it visits, and which times it tells the network"),
    "start": ("starting noise", "how the random starting picture is scaled"),
    "update": ("update rule", "what it computes at each step, seen alone, so that errors do not add up"),
    "trajectory": ("whole run", "everything together, from noise to the finished picture"),
    "noise": ("random draws", "which random numbers it draws on the way, in which order"),
    "module": ("network", "what a neural network with the original's weights returns, block by block"),
    "preprocess": ("preparing inputs", "how words become numbers, and pictures are read, resized and written"),
    "pipeline": ("whole pipeline", "everything from the words to the finished picture"),
    "training": ("training", "the loss that a network learns from, and its gradients"),
    "invariance": ("switches", "features that save time or memory and must not change the result"),
}

SIZE_WORDS = {
    "none": "no visible change",
    "negligible": "nobody could see it",
    "small": "hard to see",
    "visible": "visible",
    "another image": "another picture",
}


def verdict_of(cell: dict[str, Any]) -> Verdict:
    """The verdict of a cell record; DataError for a word that this version does not know, which must never look like success."""
    try:
        return Verdict(cell["verdict"])
    except ValueError as error:
        raise DataError(f"the run record has an unknown verdict {cell['verdict']!r}", "pip install -U trueto") from error


def against(text: str, layer: Any) -> str:
    """A sentence that speaks of the original, for the layer of a cell: a switch is held against the plain run, with it off."""
    return text.replace("the original", "the plain run") if layer == "invariance" else text


def number(value: Any, nothing: str = "–") -> str:
    """Two digits, as `0.083`, `12` or `2.1e5`; `nothing` for what is not a finite number."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return nothing
    if value == 0:
        return "0"
    if PLAIN_ABOVE <= abs(value) < TENS * 10:
        digits = max(0, 1 - math.floor(math.log10(abs(float(f"{value:.1e}")))))
        return f"{value:.{digits}f}"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{float(f'{value:.1e}'):.0f}" if 0 < int(exponent) < 4 else f"{mantissa}e{int(exponent)}"


def times(ratio: Any) -> str:
    """A ratio as people say it: `0.80 times`, `210,000 times`, `2.1 × 10⁹ times`."""
    if not isinstance(ratio, int | float) or not math.isfinite(ratio):
        return "immeasurably many times"
    text = number(ratio)
    if 0 < ratio < LEAST_SAID:
        return f"under {LEAST_SAID} times"
    if "e" not in text:
        return f"{text} times"
    if 1 <= abs(ratio) < PLAIN_BELOW:
        return f"{float(text):,.0f} times"
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa} × 10{exponent.translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))} times"


def plural(count: int, word: str) -> str:
    """`1 cell`, `2 cells`, `2 libraries`."""
    several = f"{word[:-1]}ies" if word.endswith("y") and word[-2] not in "aeiou" else f"{word}s"
    return f"{count:,} {word if count == 1 else several}"


def size_words(size: Any, grey: Any) -> str:
    """The size of a change in words: `visible: 3.0 of 255 grey levels`, `another picture: more than 255 grey levels`."""
    words = SIZE_WORDS.get(str(size), str(size) or "size unknown")
    if not isinstance(grey, int | float) or size == "none":
        return words
    return f"{words}: {grey_words(grey, number(grey) if abs(grey) >= GREY_BELOW else 'under 0.01')}"


def step_words(cell: Mapping[str, Any]) -> str:
    """Where a cell first parts from the original, or an empty string."""
    first, names = cell["first_step"], cell["evidence"].get("names")
    if not isinstance(first, int):
        return ""
    return f"from {names[first]} on" if names and 0 <= first < len(names) else f"from step {first} on"


def said_of_cell(cell: dict[str, Any]) -> str:
    """Verdict and figures of a cell, for hovering."""
    verdict = verdict_of(cell)
    said = [str(verdict)]
    if isinstance(cell["ratio"], int | float) and verdict is not Verdict.IDENTICAL:
        size = "" if verdict.same else size_words(cell["size"], cell["grey_levels"])
        said += [f"{times(cell['ratio'])} the rounding", step_words(cell), size]
    return ", ".join(part for part in said if part)


def log10_ratio(ratio: Any) -> float | None:
    """Log10 of a ratio, no less than LOG10_OF_ZERO; None for what is not a number."""
    if not isinstance(ratio, int | float) or not math.isfinite(ratio):
        return None
    return max(LOG10_OF_ZERO, round(math.log10(ratio), 3)) if ratio > 0 else LOG10_OF_ZERO


def gate_says(verdicts: Iterable[Verdict]) -> str:
    """One word for many verdicts: `failed`, `not judged`, `passed`, or `nothing judged`."""
    seen = set(verdicts)
    if any(v.bad for v in seen):
        return "failed"
    if any(v.unknown for v in seen):
        return "not judged"
    return "passed" if seen else "nothing judged"
