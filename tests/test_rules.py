"""Rules of a ledger: for which X an entry holds, by comparisons that are read and never executed."""

import dataclasses

import pytest
from support import cell

from trueto.errors import LedgerError
from trueto.ledger import load_ledger
from trueto.ledger.rules import Rule
from trueto.model import Case, Layer
from trueto.references import reference
from trueto.running.domain import drawn_case

ENTRY = (
    'candidate = "toy"\n[[deviation]]\nreference = "k_diffusion/dpmpp_2m"\nlayers = ["schedule"]\n'
    'variant = "spacing=drop_last"\nreason = "r"\nowner = "o"\nsince = "1"\n'
)


def test_rules_know_what_frames_read_by_themselves():
    """An option that the frame takes out before the spec sees it has its default in a rule as well."""
    ref, text = reference("dpm_solver/singlestep"), "algorithm_type == 'dpmsolver'"
    assert not Rule(text, [ref], "here").holds(Case("a", 9))
    assert Rule(text, [ref], "here").holds(Case("a", 9, options={"algorithm_type": "dpmsolver"}))


@pytest.mark.parametrize(
    ("text", "case", "holds"),
    [
        ("grid == 'uniform' and 1000 % steps", Case("a", 30, grid="uniform"), True),
        ("grid == 'uniform' and 1000 % steps", Case("a", 20, grid="uniform"), False),
        ("steps > 1 and 999 % (steps - 1)", Case("a", 1), False),
        ("'strength' in composed", Case("a", 5, composed={"strength": "0.5"}), True),
        ("'strength' in composed", Case("a", 5), False),
        ("s_churn > 0", Case("a", 5), False),
        ("s_churn > 0", Case("a", 5, options={"s_churn": 0.5}), True),
        ("not (2 <= steps < 5) or parameterization in ('v', 'x0')", Case("a", 3), False),
        ("not (2 <= steps < 5) or parameterization in ('v', 'x0')", Case("a", 3, parameterization="v"), True),
    ],
)
def test_rules(text, case, holds):
    """A rule speaks of the case's fields and of options, whose default holds where a case gives none."""
    assert holds == Rule(text, [reference("k_diffusion/euler")], "here").holds(case)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps ==", "cannot be read"),
        ("__import__('os')", "has Call"),
        ("steps.real", "has Attribute"),
        ("stepz > 1", "speaks of 'stepz'"),
        ("[s for s in (1,)]", "has ListComp"),
    ],
)
def test_a_rule_may_compare_and_count_and_no_more(text, words):
    """Anything that is not a comparison of known names is refused when the ledger is read; nothing is ever executed."""
    with pytest.raises(LedgerError, match=words):
        Rule(text, [reference("k_diffusion/euler")], "here")


def test_names_decide_for_recorded_cases_and_rules_for_drawn_ones(tmp_path):
    """With `cases` and `when` the names hold where an original was recorded, the rule elsewhere; names alone never reach drawn X."""

    def covered(more, case):
        (tmp_path / "d.toml").write_text(ENTRY + more)
        chosen = dataclasses.replace(cell("k_diffusion/dpmpp_2m", "model-20", Layer.SCHEDULE), case=case)
        return bool(load_ledger(tmp_path / "d.toml", "toy").covering(chosen))

    recorded, drawn = reference("k_diffusion/dpmpp_2m").case("model-20"), drawn_case(steps=20)
    both = 'cases = ["model-7"]\nwhen = "steps == 20"\n'
    assert (False, True) == (covered(both, recorded), covered(both, drawn))
    assert (True, False) == (covered('cases = ["model-20"]\n', recorded), covered('cases = ["model-20"]\n', drawn))
    assert covered('when = "steps == 20"\n', recorded)
    with pytest.raises(LedgerError, match="empty list"):
        covered("cases = []\n", recorded)
