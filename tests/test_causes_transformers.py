"""Why transformers' CLIP tokenizer differs from the original, and that nothing else does."""

import pytest
from driving_networks import judged

from trueto.candidates import ledger_path
from trueto.fixtures.prompts import prompts
from trueto.fixtures.words import BEGIN, END, vocabulary, write_tokenizer

transformers = pytest.importorskip("transformers")
pytest.importorskip("torch")

from trueto.candidates.transformers import ADAPTER  # noqa: E402 - after the check that its library is there
from trueto.ledger import load_ledger  # noqa: E402
from trueto.model import Verdict  # noqa: E402
from trueto.references import load_golden  # noqa: E402

NAME = "openai_clip/tokens"
LEDGER = load_ledger(ledger_path("transformers"), "transformers")


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    """The pieces of a text between its two marks, by the tokenizer with our vocabulary."""
    made = transformers.CLIPTokenizer.from_pretrained(str(write_tokenizer(tmp_path_factory.mktemp("tokenizer"))))

    def read(text: str) -> list[str]:
        found = made.convert_ids_to_tokens(made(text).input_ids)
        assert (BEGIN, END) == (found[0], found[-1])
        return found[1:-1]

    return read


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("fish &amp; chips", "fish & chips"),
        ("don’t", "don't"),
        ("“red”", '"red"'),
        ("schÃ¶n", "schön"),
        ("ＲＥＤ", "red"),
        ("\ufeffred", "red"),
    ],
)
def test_text_is_not_cleaned(pieces, text, cleaned):
    """Soiled text is read byte by byte as it stands, and comes out otherwise than what the original makes of it first."""
    assert pieces(text) != pieces(cleaned)
    joined = "".join(pieces(text)).replace("</w>", "")
    assert len(joined) == len("".join(text.split()).lower().encode())  # a piece for every byte of what stands there


def test_a_lone_surrogate_is_refused(pieces):
    """Half of a character, which the original replaces before it looks, is a TypeError."""
    for text in prompts("surrogates"):
        with pytest.raises(TypeError):
            pieces(text)


def test_marks_in_capitals_are_words(pieces):
    """`<|ENDOFTEXT|>` is read letter by letter, the mark as it is written is one piece."""
    assert [END] == pieces(END)
    assert END not in pieces(END.upper())


def test_a_mark_is_one_wherever_it_stands(pieces):
    """Behind another sign the mark as written is one piece, and ends the text for who looks for the first."""
    assert ["!", "!</w>", END] == pieces(f"!!{END}")


def test_a_sigma_at_the_end_of_a_word_is_as_any_other(pieces):
    """A Greek word in capitals is not read as the same word in small letters, but with a sigma as within a word."""
    assert "οδος" == "ΟΔΟΣ".lower()
    assert pieces("ΟΔΟΣ") == pieces("οδο\N{GREEK SMALL LETTER SIGMA}") != pieces("οδος")


def test_words_are_cut_with_regard_to_case(pieces):
    """A long s behind an apostrophe is a letter and no English ending; an iota below is a sign and not left out."""
    assert ["i", "t</w>", "'</w>", "Å", "¿</w>"] == pieces("it'\u017f")
    assert ["i", "t</w>", "'", "s</w>"] == pieces("it's")
    assert pieces("!\u0345") != pieces("!")


def test_composed_prompts_are_of_every_piece():
    """A thousand prompts, each with a text, hold capitals, other scripts and signs; only the soiled ones hold what is cleaned."""
    clean, soiled = prompts("composed"), prompts("soiled")
    assert (1000, 1000) == (len(clean), len(soiled))
    assert {"猫", "😀", "½", "guitar"} <= {piece for piece in ("猫", "😀", "½", "guitar") if any(piece in text for text in clean)}
    assert (False, True) == (any("&amp;" in text for text in clean), any("&amp;" in text for text in soiled))


def test_the_vocabulary_reads_every_byte(pieces):
    """No text has a piece that the vocabulary lacks."""
    assert set(pieces("".join(map(chr, range(33, 1000))))) <= set(vocabulary())


@pytest.mark.parametrize(
    ("case", "undeclared", "declared"),
    [
        ("plain", Verdict.IDENTICAL, Verdict.IDENTICAL),
        ("emoji", Verdict.IDENTICAL, Verdict.IDENTICAL),
        ("composed", Verdict.IDENTICAL, Verdict.IDENTICAL),
        ("curly", Verdict.DRIFTED, Verdict.DECLARED),
        ("soiled", Verdict.DRIFTED, Verdict.DECLARED),
        ("shouted", Verdict.DRIFTED, Verdict.DECLARED),
        ("glued", Verdict.DRIFTED, Verdict.DECLARED),
        ("greek", Verdict.DRIFTED, Verdict.DECLARED),
        ("capitals", Verdict.DRIFTED, Verdict.DECLARED),
        ("separators", Verdict.DRIFTED, Verdict.DECLARED),
        ("surrogates", Verdict.BROKEN, Verdict.DECLARED),  # it refuses, as the original does that does not clean
    ],
)
def test_each_kind_of_prompt_is_the_original_or_what_is_declared(case, undeclared, declared):
    """Every number of every prompt: the original's, or with the ledger those of the original that does not clean."""
    assert (undeclared, declared) == (judged(ADAPTER, NAME, case).verdict, judged(ADAPTER, NAME, case, LEDGER).verdict)


def test_as_many_soiled_prompts_are_read_otherwise():
    """The figure of docs/findings/clip-tokenizer-cleaning.md: of a thousand prompts with such pieces, and of a thousand without."""
    golden = load_golden(NAME)

    def other(case):
        cleaned, as_written = (golden.outputs(case, "float32", variant).arrays["tokens"] for variant in ("", "cleaning=nfc"))
        return int((cleaned != as_written).any(axis=1).sum())

    assert (648, 0) == (other("soiled"), other("composed"))
