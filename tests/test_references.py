"""The specs: cards are whole, goldens certify them, every knob does something, and overrides reproduce themselves."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueto.distances import same_bits
from trueto.errors import UnknownName, UsageError
from trueto.judge import compare, expect
from trueto.model import Case, Layer
from trueto.references import codebase, codebase_names, observe_spec, reference, reference_names, sampler_names
from trueto.references.library import COMMON_KNOBS
from trueto.references.spec import _once
from trueto.running.certify import certify
from trueto.running.domain import drawn_case

NAMES = sampler_names()
# Knob values that speak to the judge and not to the spec.
OF_THE_JUDGE = {
    ("draws", "sequential"): "layer noise compares draws",
    ("refusal", "after_first_call"): "where the original raises there is no run",
}
# Knob values that only matter beside another one.
FLOW_KNOBS = (("flow_shift", "3"), ("flow_shift", "7"), ("flow_from", "1"))
BESIDE = {
    ("told", "rounded"): {"last_level": "repeated", "levels": "karras"},  # only a library's own levels have rounded times
    ("told", "truncated"): {"last_level": "repeated", "levels": "karras"},
    # The coefficients in t of DEIS do not exist for flow matching.
    **{pair: {"integral": "log_rho"} for pair in FLOW_KNOBS},
    ("beta_of", "sigma"): {"given": "beta"},  # which quantiles are taken matters where levels are quantiles
    ("log_table", "float32"): {"last_level": "repeated", "told": "truncated", "table": "float32"},  # it decides a whole number there
    ("previous", "stride"): {"spacing": "linspace"},  # on other grids a step ends a stride earlier anyway
    ("first_step", "to_call"): {"second_step": "left_out"},  # else the next step begins where the second call is
    ("final_step", "first_order"): {"final_sigma": "sigma_min"},  # a last step to zero has order one anyway
    ("final_step", "first_order_below_15"): {"final_sigma": "sigma_min"},
    ("final_step", "first_order_always"): {"final_sigma": "sigma_min"},
    ("slope", "by_clean"): {"step": "heun"},
    ("corrected", "stride_to_call"): {"spacing": "trailing", "previous": "stride"},  # else both are the first step itself
    ("size_of_last", "float32"): {"last_level": "sigma_min"},
    ("counted", "left_out_too"): {"strength": "0.5"},  # levels are left out only where a run begins part-way
    ("counted", "asked"): {"strength": "0.5", "middle": "next_level"},
    ("noised_at", "whole_time"): {"strength": "0.5", "last_level": "repeated", "told": "truncated"},
    ("strength_of", "known"): {"strength": "0.5"},
    ("no_picture", "zero"): {"grid": "crash"},  # only there a step begins at alpha = 0
}

# Knob values that change nothing in a codebase in float32 and float64.
IDLE = {
    **{(name, "strength", "1"): "begins at pure noise, so that a whole run from a picture does not see it" for name in ("sd3", "flux")},
    ("stable_diffusion", "coefficients", "latents"): "alpha_bar has the precision of the latents already, unless they have 16 bits",
}
# Knob values that no recorded case shows, and an X that claims draw on which they matter.
HALFWAY = {"steps": 21, "grid": "spaced"}  # 999 x 10 / 20 lies halfway between two training times
FLOW = {"schedule": "flow1000", "parameterization": "flow"}
ON_FLOW = {
    "deis/t_ab": {"grid": "uniform", "options": {"solver_order": 2}},
    "dpm_solver/multistep": {"grid": "time_uniform"},
    "sa_solver/few_steps": {"grid": "time", "options": {"tau": 0, "predictor_order": 2, "corrector_order": 2}},
    "unipc/bh2": {"grid": "uniform"},
}
ONLY_DRAWN = {
    **{(name, *pair): {**fields, "steps": 9, **FLOW} for name, fields in ON_FLOW.items() for pair in FLOW_KNOBS},
    **{(f"{base}_diffusion/ddpm", "places", "each"): HALFWAY for base in ("guided", "improved")},
    ("glide/ddpm", "places", "each"): {**HALFWAY, "schedule": "cosine"},
    ("dpm_solver/singlestep_fixed", "threshold", "always_1"): {
        "steps": 9, "grid": "time_uniform", "options": {"correcting_x0_fn": "dynamic_thresholding", "dynamic_thresholding_ratio": 0.9},
    },
}  # fmt: skip


def quick(ref):
    """The quick cases of a reference, of which there is at least one."""
    found = [case for case in ref.cases if case.quick]
    assert found
    return found


@cache
def once(name, case_id, net, *knobs):
    """A spec's run on a recorded case in both precisions, as bytes of everything seen."""
    return seen(reference(name), reference(name).case(case_id), net, *knobs)


def seen(ref, case, net, *knobs):
    """A spec's run in both precisions, as bytes of everything seen."""
    runs = [_once(ref, case, net, dtype, dict(knobs), {}) for dtype in ("float32", "float64")]
    return tuple((run.told.tobytes(), run.levels.tobytes(), run.start.tobytes(), run.path.tobytes(), str(run.error)) for run in runs)


def shows(name, knob, value):
    """The first case of a reference, or the drawn one, that the value of a knob changes; or an empty string."""
    needed = {other: said for other, said in BESIDE.get((knob, value), {}).items() if other in reference(name).knobs}
    for beside in ((), tuple(needed.items())):
        for case in reference(name).cases:
            if once(name, case.id, "closed", *beside, (knob, value)) != once(name, case.id, "closed", *beside):
                return case.id
    if drawn := ONLY_DRAWN.get((name, knob, value)):
        ref, case, beside = reference(name), drawn_case(**drawn), tuple(needed.items())
        return case.id if seen(ref, case, "closed", *beside, (knob, value)) != seen(ref, case, "closed", *beside) else ""
    return ""


def test_codebases_are_whole():
    """Every codebase names its repository, a full commit, its licence, its files and how it is run; promises have no original."""
    assert {"compvis", "k_diffusion"} <= set(codebase_names())
    assert "" == codebase("features").commit
    samplers = {name.partition("/")[0] for name in NAMES}
    for base in map(codebase, set(codebase_names()) - {"features"}):
        assert 40 == len(base.commit)
        needed = ("title", "repository", "licence", "files", "how", *(["level_kind"] if base.name in samplers else []))
        assert [] == [field for field in needed if not getattr(base, field)]
        assert base.link(base.files[0], 3) == f"{base.repository}/blob/{base.commit}/{base.files[0]}#L3"


@pytest.mark.parametrize("name", NAMES)
def test_card_is_whole(name):
    """Every card is filled in, in two short paragraphs of plain words, and its function stands in a file of the codebase."""
    ref = reference(name)
    card = ref.card
    fields = ("title", "plain", "authors", "year", "paper", "equations", "function", "default_of", "code_and_paper")
    assert [] == [field for field in fields if not getattr(card, field)]
    assert [] == [part for part in ("start", "grid", "update", "final_step", "noise") if not getattr(card.promise, part)]
    assert 2 == len(card.plain.strip().split("\n\n"))
    assert len(card.plain.split()) < 160
    assert card.function.partition(":")[0] in ref.codebase.files
    assert 1900 < card.year < 2100
    assert "arXiv" in card.paper


@pytest.mark.parametrize("name", reference_names())
def test_the_line_of_the_original_is_linked(name):
    """The address of an original ends in the line of its function at the pinned commit; a library's own promise has none."""
    ref = reference(name)
    file, _, function = ref.card.function.partition(": ")
    if not ref.codebase.files:
        assert 0 == ref.card.line
        return
    assert ref.card.line > 0
    address = f"{ref.codebase.repository}/blob/{ref.codebase.commit}/{file}#L{ref.card.line}"
    assert {"link": address, "function": function, "commit": ref.codebase.commit} == ref.origin


@pytest.mark.parametrize("name", NAMES)
def test_spec_fits_a_screen(name):
    """The algorithm is at most 60 lines long, and its file says with what it must not be confused."""
    import inspect

    ref = reference(name)
    assert "Not to be confused with" in ref.path.read_text().partition('"""')[2].partition('"""')[0]
    assert len(inspect.getsource(ref.sample).splitlines()) <= 60


@pytest.mark.parametrize("name", NAMES)
def test_cases_are_well_named(name):
    """Case ids are unique, one at least is quick, and `--quick` needs at most three."""
    ref = reference(name)
    assert len(ref.cases) == len({case.id for case in ref.cases})
    assert 1 <= len(quick(ref)) <= 3
    assert ref.cases[0] == Case.from_json(ref.cases[0].to_json())


@pytest.mark.parametrize("name", NAMES)
def test_quick_cases_are_certified(name):
    """On the quick cases the spec reproduces every golden, in float64 and in float32 (`trueto verify` shows all of them)."""
    for case in quick(reference(name)):
        certificates = list(certify(reference(name), case.id))
        assert {"schedule", "start", "update", "trajectory"} == {found.layer for found in certificates}
        assert [] == [(found.case, found.layer, found.exact) for found in certificates if not found.passed]
        assert all(found.exact is not None for found in certificates)


@pytest.mark.parametrize("name", NAMES)
def test_certification_can_fail(name):
    """A spec with a knob turned is not certified, although it is as the original has it: the goldens see it."""
    from trueto.references import load_golden
    from trueto.running.truth import golden_truth, parts

    ref = reference(name)
    case = quick(ref)[0]
    truth = golden_truth(load_golden(name), case.id, "closed")

    def agrees(knobs):
        seen = observe_spec(ref, case, "closed", knobs).exact
        found = [part for layer in (Layer.SCHEDULE, Layer.START, Layer.TRAJECTORY) for part in parts(layer, truth, seen, "float64")]
        return all(compare(got, expected, what).agrees for what, expected, got in found)

    assert agrees({})
    assert not all(agrees({knob: values[-1]}) for knob, values in ref.knobs.items())


@pytest.mark.parametrize("name", NAMES)
def test_every_value_of_its_own_knobs_is_alive(name):
    """Each value of each knob of an algorithm changes at least one of its recorded cases."""
    ref = reference(name)
    own = {knob: values for knob, values in ref.knobs.items() if knob not in {*COMMON_KNOBS, *ref.frame.KNOBS}}
    assert [] == [f"{knob}={value}" for knob, values in own.items() for value in values[1:] if not shows(name, knob, value)]


@pytest.mark.parametrize("base", sorted({name.partition("/")[0] for name in NAMES}))
def test_every_value_of_a_shared_knob_is_alive(base):
    """Each value of each knob that the algorithms of a codebase share changes a recorded case of one of them, or speaks to the judge."""
    few = [name for name in ("k_diffusion/euler", "k_diffusion/heun", "compvis/ddim") if name.startswith(base)]
    some = few or [name for name in NAMES if name.startswith(f"{base}/")]
    values = [(knob, value) for knob, values in reference(some[0]).frame.KNOBS.items() for value in values[1:]]
    idle = {pair for pair in values if pair in OF_THE_JUDGE or (base, *pair) in IDLE}
    assert [] == [pair for pair in values if pair not in idle and not any(shows(name, *pair) for name in some)]


@pytest.mark.parametrize("name", NAMES)
def test_every_value_of_every_knob_runs(name):
    """Every value of every knob is accepted by the spec, with everything else as the original has it."""
    ref = reference(name)
    for knob, values in ref.knobs.items():
        for value in values:
            assert _once(ref, quick(ref)[0], "closed", "float64", {knob: value}, {}).error is None, f"{knob}={value}"


@pytest.mark.parametrize("name", NAMES)
def test_first_value_of_a_knob_is_the_original(name):
    """Naming a knob's first value changes no bit."""
    ref = reference(name)
    case = quick(ref)[0]
    chosen = {knob: values[0] for knob, values in ref.knobs.items()}
    plain, named = (_once(ref, case, "closed", "float64", knobs, {}) for knobs in ({}, chosen))
    assert same_bits(plain.path, named.path)


@pytest.mark.parametrize("name", NAMES)
def test_variants_are_made_of_knobs(name):
    """A variant's text is checked word by word, with the nearest word that exists; the card's own variants are known."""
    ref = reference(name)
    for variant, knobs in ref.card.variants.items():
        assert dict(knobs) == ref.variant(variant)
        assert [] == [knob for knob, value in knobs.items() if value not in ref.knobs[knob]]
    first, second = [knob for knob in ref.knobs if knob not in COMMON_KNOBS][:2]
    value, other = ref.knobs[first][1], ref.knobs[second][1]
    assert {first: value, second: other} == ref.variant(f"{first}={value}, {second}={other}")
    for text, words in {
        f"{first[:-1]}={value}": f"did you mean '{first}'",
        f"{second}={other}x": f"did you mean '{other}'",
        second: f"unknown value of knob {second} ''",
        "papre": "unknown knob",
    }.items():
        with pytest.raises(UnknownName, match=words):
            ref.variant(text)
    with pytest.raises(UsageError, match="an empty variant"):
        ref.variant(" , ")


@pytest.mark.parametrize("name", NAMES)
def test_float32_stays_float32(name):
    """A spec run in float32 (float64) tells, keeps and returns nothing in another precision."""
    ref = reference(name)
    for dtype in ("float32", "float64"):
        seen = _once(ref, quick(ref)[0], "closed", dtype, {}, {})
        assert {np.dtype(dtype)} == {seen.states.dtype, seen.sample.dtype, seen.start.dtype, seen.levels.dtype}


@pytest.mark.parametrize("name", NAMES)
def test_own_grid_given_back_changes_nothing(name):
    """Given its own levels, times and start as if they were a candidate's, a spec does the same again."""
    ref = reference(name)
    for case in quick(ref):
        plain = observe_spec(ref, case, "open", spread="float64")
        again = observe_spec(ref, case, "open", levels=plain.exact.levels, told=plain.exact.told, start=plain.exact.start)
        assert plain.exact.told.tobytes() == again.exact.told.tobytes()
        assert plain.exact.levels.tobytes() == again.exact.levels.tobytes()
        expected = expect(plain.exact.path, plain.exact.path, dtype="float64", spread=plain.spread64)
        assert compare(again.exact.path, expected, "state").agrees


@pytest.mark.parametrize("name", NAMES)
def test_float64_is_nearer_to_itself_than_float32(name):
    """A spec's float64 run is a refinement of its float32 run: near it, and with a far smaller spread."""
    case = quick(reference(name))[0]
    seen, fine = (observe_spec(reference(name), case, "closed", spread=dtype) for dtype in ("float32", "float64"))
    rounding = 2.0**-24 * np.sqrt(np.mean(seen.exact.sample**2))  # a long chain with fresh noise forgets how its start was nudged
    assert fine.spread64.rms[-1] < 1e-6 * max(seen.spread.rms[-1], rounding)
    expected = expect(seen.exact.path, seen.exact.path, spread=seen.spread)
    assert compare(seen.native.path, expected, "state", limit=20).agrees


@settings(max_examples=15, deadline=None)
@given(
    st.integers(2, 40),
    st.sampled_from(["model", "karras", "exponential"]),
    st.sampled_from(["eps", "v", "x0"]),
    st.sampled_from(["mixture", "smooth"]),
    st.integers(0, 1),
)
def test_specs_run_on_drawn_cases(steps, grid, kind, net, seed):
    """On step counts, grids and networks that no golden covers a spec takes the steps asked for and ends clean and finite."""
    case = Case("drawn", steps, grid=grid, parameterization=kind, network=net, seed=seed)
    for name in ("k_diffusion/euler", "k_diffusion/dpmpp_2m"):
        seen = _once(reference(name), case, "closed", "float64", {}, {})
        assert steps == len(seen.told)
        assert np.isfinite(seen.path).all()
        assert 0 == seen.levels[-1]


def test_two_cases_of_one_name_are_two_cases():
    """A drawn case is run as drawn, although another of the same name was run before."""
    ref = reference("k_diffusion/euler")
    seen = [observe_spec(ref, Case("drawn", steps, seed=seed), "idle") for steps, seed in ((3, 0), (4, 0), (4, 1))]
    assert [3, 4, 4] == [len(run.exact.told) for run in seen]
    assert seen[1].exact.start.tobytes() != seen[2].exact.start.tobytes()


def test_unknown_names_suggest_the_nearest():
    """Reference, codebase and case that do not exist suggest one that does."""
    for ask, words in (
        (lambda: reference("k_diffusion/dpmpp_2n"), "did you mean 'k_diffusion/dpmpp_2m'"),
        (lambda: codebase("k_difusion"), "did you mean 'k_diffusion'"),
        (lambda: reference("k_diffusion/euler").case("karas-20"), "did you mean 'karras-20'"),
    ):
        with pytest.raises(UnknownName, match=words):
            ask()
