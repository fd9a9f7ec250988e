"""Vocabularies of users: the file of CLIP's original and a tokenizer's folder are one, and what is neither is refused with what to type."""

import gzip
import json

import pytest

from trueto.checkpoints import Vocabulary, open_checkpoint
from trueto.errors import DataError
from trueto.fixtures.words import MERGES, vocabulary, write_merges, write_tokenizer
from trueto.model import Case

MORE = (*MERGES, ("p", "i"), ("pi", "zz"), ("z", "z"), ("pi", "a</w>"))
CASE = Case("plain", 1, options={"prompts": "plain"}, layers=("preprocess",))


def file_of(folder, merges=MORE, head="#version: 0.2"):
    """Merges as the original has them: a line that says nothing, then a pair a line, gzipped."""
    return write_merges(folder / "words.txt.gz", merges, head)


def test_both_forms_are_one_vocabulary(tmp_path):
    """The same pieces, numbers and digest; one merge more is another vocabulary."""
    file, folder = open_checkpoint(file_of(tmp_path)), open_checkpoint(write_tokenizer(tmp_path / "folder", MORE))
    assert isinstance(file, Vocabulary)
    assert isinstance(folder, Vocabulary)
    assert ("file", "folder", "clip_vocabulary") == (file.form, folder.form, folder.kind)
    assert vocabulary(MORE) == file.pieces == folder.pieces
    assert file.digest() == folder.digest() != open_checkpoint(file_of(tmp_path, MORE[:-1])).digest()


def test_each_form_is_written_as_the_other(tmp_path):
    """What the original reads of a folder, and what transformers reads of the file, is the same; what is there already is taken."""
    file, folder = file_of(tmp_path), write_tokenizer(tmp_path / "folder", MORE)
    digest = open_checkpoint(file).digest()
    (tmp_path / "made").mkdir()
    assert digest == open_checkpoint(open_checkpoint(folder).write_merges(tmp_path / "made")).digest()
    assert digest == open_checkpoint(open_checkpoint(file).write_tokenizer(tmp_path / "tokenizer")).digest()
    assert file == open_checkpoint(file).write_merges(tmp_path / "made")
    assert digest == open_checkpoint(open_checkpoint(folder).write_tokenizer(tmp_path / "again")).digest()


def test_no_more_merges_than_the_original_takes(tmp_path):
    """Of a longer file the original reads 48,894 lines behind the first, as CLIP's own has five times as many."""
    many = [(f"a{number}", "b") for number in range(48_900)]
    found = open_checkpoint(file_of(tmp_path, many))
    assert (48_894, 49_408) == (len(found.merges), found.numbers)
    with pytest.raises(DataError, match="at most 48894 merges"):
        open_checkpoint(write_tokenizer(tmp_path / "folder", many))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a b\n", "not a vocabulary, or damaged"),
        (gzip.compress(b"#\na b\n")[:-9], "not a vocabulary, or damaged"),
        (gzip.compress(b"#\n\xff\xfe"), "not a vocabulary, or damaged"),
        (gzip.compress(b"#\na b c\n"), "two pieces with a space between: 'a b c'"),
    ],
    ids=["no gzip", "cut off", "no text", "no pairs"],
)
def test_files_that_are_none_are_said_to_be_so(tmp_path, content, words):
    """No gzip, cut off, no text, no pairs."""
    path = tmp_path / "words.txt.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        open_checkpoint(path)
    assert "clip/bpe_simple_vocab_16e6.txt.gz" in caught.value.hint


def test_pieces_under_other_numbers_are_refused(tmp_path):
    """The original numbers them by the merges alone, so that a folder which does not belongs to something else."""
    folder = write_tokenizer(tmp_path / "folder", MORE)
    pieces = vocabulary(MORE)
    pieces["a"], pieces["b"] = pieces["b"], pieces["a"]
    (folder / "vocab.json").write_text(json.dumps(pieces))
    with pytest.raises(DataError, match="not numbered as CLIP does"):
        open_checkpoint(folder)


def test_transformers_reads_prompts_with_it(tmp_path):
    """Its tokenizer of the file is that of the folder, with the marks where this vocabulary has them; the settings say which it was."""
    pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    from trueto.candidates.transformers import ADAPTER
    from trueto.torch_task import Task

    claim = next(claim for claim in ADAPTER.claims if claim.reference == "openai_clip/tokens")
    found = {}
    for path in (file_of(tmp_path), write_tokenizer(tmp_path / "folder", MORE)):
        case = open_checkpoint(path).fitted(CASE)
        task = Task(case, torch.float32, tmp_path)
        ADAPTER.outputs(claim, task, {})
        found[path] = task.outputs.arrays["tokens"].tolist()
        assert str(path) == ADAPTER.settings(claim, case)["vocabulary"]
    first, second = found.values()
    assert first == second
    end = vocabulary(MORE)["<|endoftext|>"]
    assert [end - 1, vocabulary(MORE)["a</w>"]] == first[0][:2]
    assert {end} == {row[-1] for row in first}
