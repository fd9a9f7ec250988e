"""Texts drawn for CLIP's tokenizer: the spec is certified, a wrong tokenizer is found, what it reads wrongly made small."""

import sys
import unicodedata

import pytest
from driving_networks import Spoiled
from hypothesis import HealthCheck, Phase, given, settings
from support import trueto

from trueto.errors import DataError, UsageError
from trueto.fixtures.prompts import prompts, spelled
from trueto.fixtures.words import END
from trueto.ledger import Ledger, load_ledger
from trueto.model import Case, Cell, Layer, Verdict
from trueto.references import Computed, load_golden, reference
from trueto.running.certify import certify
from trueto.running.domain import AGREEMENT
from trueto.running.kept import judgeable
from trueto.running.outputs import Calls, judge_outputs
from trueto.running.plan import Selection
from trueto.running.profiles import profile
from trueto.running.search import EVERY, Search, applies, prepared
from trueto.running.texts import batches, judged_together, read_text, smallest_part, text_case, texts, texts_of

NAME = "openai_clip/tokens"
REF = reference(NAME)
SPEC = sys.modules[REF.outputs.__module__]
AS_DECLARED = {"cleaning": "nfc", "marks": "as_written", "small": "by_letter", "cut": "as_written"}
many = settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def tokens(text, **knobs):
    """The numbers of one text by the spec."""
    return REF.outputs(text_case([text]), **knobs)["tokens"][0].tolist()


def read(text, **knobs):
    """The pieces of one text by the spec."""
    return SPEC.pieces(text, SPEC.How(**knobs))


def test_the_spec_is_certified():
    """As the original and with each knob turned, on every recorded prompt, every number is the original's; it raises where that does."""
    pytest.importorskip("ftfy")
    found = list(certify(REF))
    assert len(found) == len(REF.cases) * (1 + len(REF.knobs))
    assert [] == [one for one in found if not one.passed or (one.exact and not one.exact.identical)]
    assert ["surrogates cleaning=nfc"] == [one.case for one in found if one.exact is None]


def test_without_ftfy_the_part_that_needs_it_is_not_checked(monkeypatch):
    """What does not clean is certified all the same; the rest says what to install, and `verify` does not pass."""
    monkeypatch.setitem(sys.modules, "ftfy", None)
    found = list(certify(REF))
    assert {True} == {one.passed for one in found if "cleaning=nfc" in one.case}
    assert {False} == {one.passed for one in found if "cleaning=nfc" not in one.case}
    with pytest.raises(DataError, match="pip install ftfy"):
        tokens("a")


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ("cleaned", lambda text, _: text),
        ("small", lambda text, _: text),
        ("kind", lambda letter: "space" if letter == " " else "letter"),
        ("merged", lambda found, pair: iter([pair[0] + pair[1], *found[2:]])),
    ],
)
def test_a_wrong_spec_is_not_certified(monkeypatch, part, wrong):
    """The recorded prompts see a spec that does not compose, keeps capitals, knows no signs, or joins the wrong pieces."""
    monkeypatch.setattr(SPEC, part, wrong)
    golden = load_golden(NAME)
    kept = [case for case in REF.cases if golden.refusal(case.id, "cleaning=nfc") is None]

    def same(case):
        got, wanted = (one.outputs(case.id, "float32", "cleaning=nfc").arrays["tokens"] for one in (Computed(REF, case), golden))
        return bool((got == wanted).all())

    assert not all(same(case) for case in kept)


@pytest.mark.parametrize(
    ("text", "knob", "value", "original", "variant"),
    [
        ("ΑΣ", "small", "by_letter", ["Î", "±", "Ï", "Ĥ</w>"], ["Î", "±", "Ï", "ĥ</w>"]),
        ("t'\u017f", "cut", "as_written", ["t</w>", "'", "Å", "¿</w>"], ["t</w>", "'</w>", "Å", "¿</w>"]),
        ("a\u0345", "cut", "as_written", ["a</w>"], ["a</w>", "Í", "ħ</w>"]),
        ("!<|endoftext|>", "marks", "as_written", ["!", "<", "|</w>", *"endoftex", "t</w>", "|", "></w>"], ["!</w>", END]),
    ],
)
def test_each_knob_is_what_it_says(text, knob, value, original, variant):
    """A final sigma, a long s, an iota below and a mark behind a sign, read either way."""
    assert (original, variant) == tuple(read(text, **{"cleaning": "nfc", knob: one}) for one in (REF.knobs[knob][0], value))


@many
@given(case=texts())
def test_a_drawn_text_can_be_typed_again(case):
    """Reading the id gives the same case, and the case the same text; no surrogate is drawn, which JSON and Unicode have no place for."""
    assert case == read_text(case.id)
    assert case.drawn
    (text,) = texts_of(case)
    assert (text,) == prompts(spelled([text]))
    text.encode()


def drawn(count):
    """Texts as a gate draws them."""
    found = []

    @settings(many, max_examples=count, phases=[Phase.generate])
    @given(case=texts())
    def one(case):
        found.extend(texts_of(case))

    one()
    return found


def test_texts_of_every_kind_are_drawn():
    """Entities of entities, curly quotes, joined emoji, signs over letters, other spaces, marks, endings in capitals, long words."""
    found = drawn(1500)
    wanted = {
        "entity": lambda text: "&#8217" in text or "&rsquo" in text,
        "entity of entities": lambda text: "&amp;amp;" in text,
        "curly": lambda text: "\u2019" in text,
        "garbled": lambda text: "\u00c3" in text or "\u00e2" in text,
        "joined emoji": lambda text: "\u200d" in text,
        "over a letter": lambda text: "\u0301" in text,
        "control": lambda text: "\x07" in text,
        "space": lambda text: "\u3000" in text,
        "mark": lambda text: END in text,
        "mark in capitals": lambda text: END in text.lower() and END not in text,
        "ending": lambda text: "'ll" in text.lower() and "'ll" not in text,
        "long": lambda text: len(text) > 250,
        "beyond two bytes": lambda text: max(text, default="") > "\uffff",
        "other sigma": lambda text: tokens(text, cleaning="nfc") != tokens(text, cleaning="nfc", small="by_letter"),
        "not composed": lambda text: unicodedata.normalize("NFC", text) != text,
    }
    assert [] == [kind for kind, shows in wanted.items() if not any(shows(text) for text in found)]


def test_one_text_of_many_is_found_by_halves():
    """The text that differs stands alone after as many halves as it takes; where only all together differ they stay together."""
    (case,) = batches([text_case([letter]) for letter in "abcdefghijklmnopq"], 500)
    assert ("j",) == texts_of(smallest_part(case, lambda part: "j" in texts_of(part)))
    assert case == smallest_part(case, lambda part: len(texts_of(part)) == 17)
    assert ("text=", ("",)) == (text_case([""]).id, prompts("text="))
    assert [2, 2, 1] == [len(texts_of(part)) for part in batches([text_case([letter]) for letter in "abcde"], 2)]


def test_texts_without_time_left_are_named():
    """Where the time of a law is over what is left is not judged, and said to be so."""
    cases = batches([text_case([letter]) for letter in "abcd"], 2)
    assert ([], None, cases) == judged_together(cases, lambda *_: pytest.fail("was judged"), -1.0)


@pytest.mark.parametrize("name", ["text=zz", "text=61+", "text=110000", "text=5@1234abcd"])
def test_a_text_that_cannot_be_read_says_what_to_type(name):
    """Code points that are none, and the name of many texts, are errors with an example."""
    with pytest.raises(UsageError) as error:
        read_text(name)
    assert "text=61+301" in str(error.value)


@pytest.fixture(scope="module")
def adapter():
    """The library's adapter, and the ledger beside it."""
    pytest.importorskip("transformers")
    from trueto.candidates import ledger_path
    from trueto.candidates.transformers import ADAPTER

    return ADAPTER, load_ledger(ledger_path("transformers"), "transformers")


def claim_of(adapter):
    """The claim about tokens."""
    return next(claim for claim in adapter.claims if claim.reference == NAME)


def looked(adapter, ledger, law_profile="dev"):
    """What the law of agreement says of the adapter, run in this process."""

    def judge(case: Case, layer: Layer):
        cell = Cell(adapter.name, claim_of(adapter), case, layer, "default")
        calls = Calls(Spoiled(adapter).run(cell.claim, case, "float32"), None)
        return judge_outputs(cell, adapter.version(), REF, profile("default"), calls, ledger)

    return Search(law_profile, [], (Layer.PREPROCESS,)).look(AGREEMENT, claim_of(adapter), judge)


def spoiled(monkeypatch, spoil):
    """The library's tokenizer with something done to it."""
    import transformers

    made = transformers.CLIPTokenizer.from_pretrained

    def wrong(*arguments, **options):
        tokenizer = made(*arguments, **options)
        spoil(tokenizer.backend_tokenizer)
        return tokenizer

    monkeypatch.setattr(transformers.CLIPTokenizer, "from_pretrained", wrong)


def test_texts_are_read_as_declared(adapter):
    """Every one of many hundred drawn texts, in few runs, is the variant that the ledger declares."""
    judged, broken, late = looked(*adapter)
    assert (None, []) == (broken, late)
    assert {Verdict.DECLARED} == {one.verdict for one in judged}
    assert 1000 < sum(len(texts_of(one.cell.case)) for one in judged)


def forgets_to_compose(tokenizer):
    """Letters and the signs over them stay apart."""
    from tokenizers import Regex, normalizers

    tokenizer.normalizer = normalizers.Sequence([normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])


def keeps_capitals(tokenizer):
    """Letters stay as they are written."""
    from tokenizers import normalizers

    tokenizer.normalizer = normalizers.NFC()


def keeps_digits_together(tokenizer):
    """A number is one word."""
    from tokenizers import Regex, pre_tokenizers

    pattern = Regex(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]+|[^\s\p{L}\p{N}]+")
    bytes_of = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(pattern, behavior="removed", invert=True), bytes_of])


@pytest.mark.parametrize(("spoil", "length"), [(forgets_to_compose, 2), (keeps_capitals, 1), (keeps_digits_together, 2)])
def test_a_wrong_tokenizer_is_found_and_the_text_is_made_small(adapter, monkeypatch, spoil, length):
    """What is left is a character or two, with its code points, the pieces of both sides, and a name that can be typed."""
    spoiled(monkeypatch, spoil)
    _, broken, _ = looked(*adapter)
    assert broken is not None
    (text,) = texts_of(broken.cell.case)
    assert (Verdict.STALE, True) == (broken.verdict, len(text) <= length), text
    points = " ".join(f"U+{ord(character):04X}" for character in text)
    wanted = " ".join(read(text, **AS_DECLARED))
    assert f"{text!r} ({points}) is read as {wanted}, by the candidate as " in broken.reason
    assert broken.cell.case == read_text(broken.cell.case.id)


def test_what_is_not_declared_is_found(adapter, monkeypatch):
    """With an empty ledger the original's cleaning is missed; without ftfy nothing is said but what to install."""
    candidate, _ = adapter
    empty = Ledger("", "transformers", ())
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "ftfy", None)
        _, unknown, _ = looked(candidate, empty)
    assert (Verdict.UNJUDGED, True) == (unknown.verdict, "ftfy" in unknown.reason)
    pytest.importorskip("ftfy")
    _, broken, _ = looked(candidate, empty)
    assert Verdict.DRIFTED == broken.verdict
    assert len(texts_of(broken.cell.case)[0]) <= 4


def test_of_the_laws_only_agreement_is_for_texts(adapter):
    """Batches, seeds and step counts say nothing of a tokenizer; a gate with laws asks for texts, one in another layer for none."""
    claim = claim_of(adapter[0])
    assert [AGREEMENT] == [law for law in EVERY if applies(law, claim)]
    assert [(AGREEMENT, claim)] == prepared("ci", [claim], Selection()).asked
    other = prepared("ci", [claim], Selection(layers=("module",)))
    assert () == other.layers_of(claim, text_case(["a"]))


def test_a_text_is_judged_by_its_name(adapter, tmp_path):
    """`--case text=...` judges one text, and a kept one is judged by every gate; one with half a surrogate is refused as declared."""
    candidate, _ = adapter
    assert ("a\u0301",) == texts_of(judgeable("transformers", candidate.claims, NAME, "text=61+301"))
    done = trueto("gate", "transformers", "--claim", NAME, "--case", "text=61+301", "--case", "text=d83d", cwd=tmp_path)
    assert (0, True) == (done.returncode, "2 declared" in done.stdout), done.stdout + done.stderr
    wrong = trueto("gate", "transformers", "--claim", NAME, "--case", "text=zz", cwd=tmp_path)
    assert (4, True) == (wrong.returncode, "text=61+301" in wrong.stderr), wrong.stderr
    other = trueto("gate", "transformers", "--claim", "openai_clip/text", "--case", "text=61", cwd=tmp_path)
    assert 4 == other.returncode, other.stdout + other.stderr
