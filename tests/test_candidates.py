"""Candidates beside the installed libraries: how they are found, what their environments need, and the control arm."""

import sys
from collections import Counter
from types import ModuleType

import pytest
from support import lines, trueto

from trueto.candidates import candidate_names, ledger_path, load_candidate
from trueto.candidates._library import bare_package, stand_in
from trueto.errors import LedgerError
from trueto.ledger import load_ledger
from trueto.references import reference, reference_names, sampler_names
from trueto.running.plan import Selection, plan
from trueto.running.releases import missing, written_for

ELSEWHERE = [name for name in candidate_names() if written_for(name)]
CONTROL = "k_diffusion==0.1.1.post1"


def test_what_candidates_share_is_no_candidate():
    """A module that begins with an underscore is not listed."""
    assert {"diffusers", "k_diffusion", "transformers"} <= set(candidate_names())
    assert [] == [name for name in candidate_names() if name.startswith("_")]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_candidate_without_its_library_can_be_asked_what_it_claims(name):
    """Claims are data, each with a quotation and a place; they name originals, and cover cases of them."""
    adapter = load_candidate(name)
    assert name == adapter.name
    assert {claim.reference for claim in adapter.claims} | set(adapter.no_claims) <= set(reference_names())
    assert [] == [claim.id for claim in adapter.claims if not claim.quote or not claim.source]
    for claim in adapter.claims:
        assert plan(name, [claim], Selection()), claim.id


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_a_release_needs_is_in_its_own_table(name):
    """Every release that the claims were written for can be asked for by name alone, with exact versions beside it."""
    for release in written_for(name):
        needed = missing(f"{name}=={release}")
        assert [] == [one for one in needed if "==" not in one]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_ledgers_declare_variants_with_a_proof(name):
    """Every entry says which variant of the original it is, and names a test that proves it."""
    for entry in load_ledger(ledger_path(name), name).entries:
        assert entry.knobs, entry
        assert entry.test.startswith("tests/"), entry


def test_the_control_arm_claims_every_sampler_of_the_original():
    """All samplers recorded from k-diffusion are claimed, with every case, and nothing is declared."""
    adapter = load_candidate("k_diffusion")
    known = [name for name in sampler_names() if name.startswith("k_diffusion/")]
    assert known == sorted(claim.reference for claim in adapter.claims)
    planned = {(cell.claim.reference, cell.case.id) for cell in plan("k_diffusion", adapter.claims, Selection())}
    assert planned == {(name, case.id) for name in known for case in reference(name).cases}
    assert () == load_ledger(ledger_path("k_diffusion"), "k_diffusion").entries


def test_an_entry_may_speak_of_some_releases_only(tmp_path):
    """With a release only the entries for it are there, without one all; what is no specifier is named."""
    path = tmp_path / "deviations.toml"
    entry = '[[deviation]]\nreference = "compvis/ddim"\nlayers = ["update"]\nvariant = "{0}"\nreason = "x"\nowner = "x"\nsince = "1"\n{1}\n'
    path.write_text(
        'candidate = "toy"\n' + entry.format("clip=x0", 'releases = "<1.6"') + entry.format("previous=stride", 'releases = ">=1.6"')
    )

    def variants(release):
        return [found.variant for found in load_ledger(path, "toy", release).entries]

    assert (["clip=x0"], ["previous=stride"], ["clip=x0", "previous=stride"]) == (variants("1.5.1"), variants("1.6"), variants(""))
    path.write_text('candidate = "toy"\n' + entry.format("clip=x0", 'releases = "before 1.6"'))
    with pytest.raises(LedgerError, match=r"before 1.6.*expected a range of releases"):
        load_ledger(path, "toy", "1.5")


@pytest.mark.slow
@pytest.mark.parametrize("release", written_for("monai"))
def test_monai_differs_as_declared(tmp_path, release):
    """Both releases are green, and DDIM of the older one is the same as the original where that takes as many steps."""
    made = trueto("env", f"monai=={release}", cwd=tmp_path)
    assert 0 == made.returncode, made.stderr
    record = tmp_path / "run.jsonl"
    done = trueto("gate", f"monai=={release}", "--quick", "--record", str(record), cwd=tmp_path)
    assert 0 == done.returncode, done.stdout
    verdicts = {cell["verdict"] for cell in lines(record) if cell.get("claim") == "ermongroup/ddim@unclipped"}
    assert verdicts <= {"identical", "faithful"} if release == "1.5.1" else "declared" in verdicts


def test_without_its_environment_a_candidate_names_the_command_that_makes_it(tmp_path):
    """A library that is not installed is fetched by release, which the error names."""
    done = trueto("gate", "k_diffusion", "--quick", cwd=tmp_path)
    assert 2 == done.returncode
    assert f"trueto env {CONTROL}" in done.stderr
    listed = trueto("list", "candidates", cwd=tmp_path)
    assert f"trueto env {CONTROL}" in listed.stdout


@pytest.mark.slow
def test_the_control_arm_is_identical(tmp_path):
    """k-diffusion's package from the index computes what was recorded of it, bit for bit in every quick case."""
    made = trueto("env", CONTROL, cwd=tmp_path)
    assert 0 == made.returncode, made.stderr
    record = tmp_path / "run.jsonl"
    done = trueto("gate", CONTROL, "--quick", "--record", str(record), cwd=tmp_path)
    cells = [event for event in lines(record) if event["event"] == "cell"]
    assert {"identical"} == set(Counter(cell["verdict"] for cell in cells)), done.stdout
    assert 13 == len({cell["claim"] for cell in cells})


def test_parts_of_a_package_are_imported_without_the_rest(tmp_path, monkeypatch):
    """The package's own __init__ does not run; a package that is not there is an error that names it."""
    package = tmp_path / "trueto_parts"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('training code')\n")
    (package / "one.py").write_text("import trueto_absent.transforms\nVALUE = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    added = ("trueto_parts", "trueto_parts.one", "trueto_absent", "trueto_absent.transforms")
    try:
        bare_package("trueto_parts")
        stand_in("trueto_absent", "trueto_absent.transforms")
        module = __import__("trueto_parts.one", fromlist=["VALUE"])
        assert (1, ModuleType) == (module.VALUE, type(sys.modules["trueto_parts"]))
        absent = sys.modules["trueto_absent"]
        assert int | absent.Name | None  # as in an annotation
        with pytest.raises(TypeError, match="not callable"):
            absent.anything()
    finally:
        for name in added:
            sys.modules.pop(name, None)
    with pytest.raises(ModuleNotFoundError, match="no package trueto_nowhere"):
        bare_package("trueto_nowhere")
