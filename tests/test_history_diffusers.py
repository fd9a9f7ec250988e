"""Changes that users of diffusers felt, each at its release in the history that this repository holds; nothing is run.

The numbers are those of the list of cases that the project began with; the release is the one that the thread names.
"""

from pathlib import Path

import pytest
from packaging.version import Version

from trueto.history import changes, read_history

FOLDER = Path(__file__).parents[1] / "reports" / "history" / "diffusers"
Q_SAMPLE = ("deis_multistep", "dpmsolver_multistep", "dpmsolver_singlestep", "unipc_multistep")

# case: release, claim, layer, kind, words of the cause
SHOWN = [
    (1, "0.2.0", "compvis/ddim", "schedule", "back", "knows set_alpha_to_one now"),  # pull/182, and with it 187
    (2, "0.2.0", "compvis/ddim", "trajectory", "back", "knows set_alpha_to_one now"),  # pull/187
    (3, "0.3.0", "guided_diffusion/q_sample@lms_discrete", "trajectory", "nearer", "coefficients=sigma"),  # pull/253
    (4, "0.4.0", "compvis/ddim", "schedule", "away", "spacing=asked"),  # pull/466: the original takes a step more than asked
    (4, "0.4.0", "compvis/plms", "schedule", "away", "spacing=asked"),
    (5, "0.4.0", "pndm/pndm", "schedule", "further", "level=of_told_time"),  # pull/479
    (6, "0.4.0", "edm/ablation", "schedule", "other", "ve_levels=squared"),  # issues/590, pull/627
    (12, "0.12.0", "k_diffusion/ema_warmup", "training", "back", "same as the original"),  # issues/1864: the class, not the script
    (12, "0.12.0", "dreambooth/ema", "training", "other", "first=copied"),  # until then it warmed up whatever was asked for
    (13, "0.12.0", "ermongroup/ddpm", "schedule", "away", "spacing=asked"),  # pull/1912: here too the original takes more than asked
    (14, "0.13.0", "ermongroup/ddpm", "update", "back", "same as the original"),  # pull/2076
    (14, "0.13.0", "guided_diffusion/ddpm", "update", "nearer", "coefficients=native"),
    (21, "0.18.0", "ermongroup/ddpm", "schedule", "back", "knows steps_offset now"),  # pull/3947
    *((24, "0.22.0", f"guided_diffusion/q_sample@{name}", "trajectory", "broke", "AttributeError") for name in Q_SAMPLE),  # issues/5710
    *((24, "0.25.0", f"guided_diffusion/q_sample@{name}", "trajectory", "repaired", "AttributeError") for name in Q_SAMPLE),  # pull/6006
    (26, "0.26.0", "dpm_solver/multistep@released", "schedule", "further", "final_sigma=zero"),  # issues/6295, pull/6477
    (27, "0.26.0", "k_diffusion/dpmpp_2m", "schedule", "further", "spacing=drop_last"),  # issues/7331
    (29, "0.26.0", "dpm_solver/singlestep@released", "trajectory", "broke", "not finite"),  # issues/9007
    (29, "0.32.0", "dpm_solver/singlestep@released", "trajectory", "repaired", "not finite"),  # pull/9104
    (30, "0.24.0", "lcm/lcm", "schedule", "away", "spacing=even"),  # pull/5836
    (31, "0.32.0", "guided_diffusion/ddpm", "update", "nearer", "coefficients=native"),  # issues/9261, pull/9384
    (31, "0.32.0", "glide/ddpm", "update", "nearer", "coefficients=native"),
    (31, "0.32.0", "improved_diffusion/ddpm", "update", "nearer", "coefficients=native"),
]

# What no record shows, and why.
NOT_SHOWN = {
    8: "the numbers that a seed means for float64 latents (pull/534): a sweep's latents are float32, and its twin is served its noise",
    70: "a picture beyond the range of pictures, cut otherwise: it has no original; files are read as the original reads them",
}
DIFFERENCES = {1, 2, 3, 4, 5, 6, 8, 12, 13, 14, 21, 24, 26, 27, 29, 30, 31, 70}  # between releases, in what the library computes
# Reproduced too, but not differences between releases: 22 is numpy's doing (each release runs with the numpy of its age), 47 is there
# since the class is, 51 is the original's own.


@pytest.fixture(scope="module")
def releases():
    """What is recorded of diffusers."""
    return read_history(FOLDER)


@pytest.mark.parametrize(("case", "release", "claim", "layer", "kind", "words"), SHOWN, ids=[f"{c[0]}-{c[2]}-{c[1]}" for c in SHOWN])
def test_a_change_that_users_felt_is_in_the_history(releases, case, release, claim, layer, kind, words):
    """Between the last record before the release and the first from it on, the claim's layer changed, in that way and for that cause."""
    known = [Version(one.version) for one in releases]
    after = min(version for version in known if version >= Version(release))
    before = max(version for version in known if version < Version(release))
    found = [
        change for change in changes(releases, [claim]) if (change.before, change.after, change.layer) == (str(before), str(after), layer)
    ]
    assert [change for change in found if change.kind == kind and words in change.what], [(c.kind, c.what) for c in found]


def test_every_difference_between_releases_is_shown_or_said_not_to_be():
    """No case is forgotten, and none is in both lists."""
    shown = {case for case, *_ in SHOWN}
    assert not shown & set(NOT_SHOWN)
    assert DIFFERENCES == shown | set(NOT_SHOWN)


def test_what_a_release_lacks_is_said_by_claim(releases):
    """So nothing is broken that could not be asked for: what is, raised or became no number in the release's own hands."""
    lacks = {one.version: one.lacks for one in releases}
    assert "has no such setting: timestep_type of EulerDiscreteScheduler" == lacks["0.23.1"]["generative_models/euler_edm@svd"]
    assert "generative_models/euler_edm@svd" not in lacks["0.24.0"]
    assert ("has no such class: EulerDiscreteScheduler", "has no such class: EDMEulerScheduler") == (
        lacks["0.3.0"]["k_diffusion/euler"],
        lacks["0.3.0"]["k_diffusion/euler@edm"],
    )
    broken = {cell["claim"] for one in releases for cell in one.cells if cell["verdict"] == "broken"}
    assert {"dpm_solver/singlestep@released", *(f"guided_diffusion/q_sample@{name}" for name in Q_SAMPLE)} == broken


def test_every_release_has_its_day(releases):
    """In the order of the releases."""
    days = [one.header["released"] for one in releases]
    assert ("2022-07-28", "2024-02-13") == (days[0], next(one.header["released"] for one in releases if one.version == "0.26.3"))
    assert days == sorted(days)


def test_every_release_ran_beside_a_control(releases):
    """The specs and the published original are as recorded wherever a release ran, but for one spec that numpy moves in its decisions."""
    apart = {name for release in releases for arm in release.header["control"] for name in arm["apart"]}
    assert {"dpm_solver/adaptive"} == {name.partition(":")[0] for name in apart}
    assert {()} == {tuple(arm["absent"] for arm in release.header["control"] if arm["absent"]) for release in releases}


def test_the_history_is_small_and_every_record_whole(releases):
    """Under five megabytes, one release a file, and of the one that the ledger is about nothing is unexplained."""
    files = sorted(FOLDER.glob("*.jsonl"))
    assert sum(path.stat().st_size for path in files) < 5_000_000
    assert {path.stem for path in files} == {one.version for one in releases}
    newest = max(releases, key=lambda one: Version(one.version))
    assert not {cell["verdict"] for cell in newest.cells} & {"drifted", "broken", "stale", "unjudged"}
