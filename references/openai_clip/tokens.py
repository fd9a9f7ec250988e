"""CLIP's tokenizer: Radford et al. 2021 (arXiv 2103.00020), byte pairs after Sennrich et al. 2016 (arXiv 1508.07909).

Not to be confused with GPT-2's, which keeps capitals and spaces and does not clean what it is given.
"""

from trueto.fixtures.prompts import KINDS
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
CHECKPOINT = "clip_vocabulary"
CASES = tuple(
    Case(kind, 1, quick=kind in ("plain", "curly"), options={"prompts": kind}, layers=("preprocess",))
    for kind in (*KINDS, "composed", "soiled")
)
KNOBS = {
    "cleaning": ("ftfy_and_html", "nfc"),  # nfc: transformers from version 5 on, Unicode's composed form and nothing else
    "marks": ("any_case", "as_written"),  # as_written: transformers, to which <|ENDOFTEXT|> is no mark
}
