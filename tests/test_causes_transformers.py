"""Why transformers' CLIP tokenizer differs from the original, and that nothing else does."""

import pytest

from trueto.fixtures.prompts import prompts
from trueto.fixtures.words import BEGIN, END, vocabulary, write_tokenizer

transformers = pytest.importorskip("transformers")


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


def test_composed_prompts_are_of_every_piece():
    """A thousand prompts, each with a text, hold capitals, other scripts and signs; only the soiled ones hold what is cleaned."""
    clean, soiled = prompts("composed"), prompts("soiled")
    assert (1000, 1000) == (len(clean), len(soiled))
    assert {"猫", "😀", "½", "guitar"} <= {piece for piece in ("猫", "😀", "½", "guitar") if any(piece in text for text in clean)}
    assert (False, True) == (any("&amp;" in text for text in clean), any("&amp;" in text for text in soiled))


def test_the_vocabulary_reads_every_byte(pieces):
    """No text has a piece that the vocabulary lacks."""
    assert set(pieces("".join(map(chr, range(33, 1000))))) <= set(vocabulary())
