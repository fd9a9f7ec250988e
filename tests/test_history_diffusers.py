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

# case: release that repaired it, and why no record shows it
NOT_SHOWN = {
    1: ("0.2.0", "older than the oldest record, since the adapter reads what schedulers before 0.18 do not keep"),
    2: ("0.2.0", "older than the oldest record, since the adapter reads what schedulers before 0.18 do not keep"),
    3: ("0.3.0", "older than the oldest record, since the adapter reads what schedulers before 0.18 do not keep"),
    4: ("0.4.0", "older than the oldest record, since the adapter reads what schedulers before 0.18 do not keep"),
    5: ("0.4.0", "older than the oldest record, since the adapter reads what schedulers before 0.18 do not keep"),
    8: ("0.4.0", "older than the oldest record, since the adapter reads what schedulers before 0.18 do not keep"),
    13: ("0.12.0", "older than the oldest record, since the adapter reads what schedulers before 0.18 do not keep"),
    14: ("0.13.0", "older than the oldest record, since the adapter reads what schedulers before 0.18 do not keep"),
    21: ("0.18.0", "older than the oldest record, since the adapter reads what schedulers before 0.18 do not keep"),
}


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
    assert [kind] == [change.kind for change in found], [change.what for change in found]
    assert words in found[0].what


def test_what_no_record_shows_is_older_than_the_records(releases):
    """A case leaves the list of those that are not shown when a release old enough is recorded."""
    oldest = min(Version(one.version) for one in releases)
    assert not [case for case, (release, _) in NOT_SHOWN.items() if Version(release) > oldest]


def test_the_history_is_small_and_every_record_whole(releases):
    """Under five megabytes, one release a file, and of the one that the ledger is about nothing is unexplained."""
    files = sorted(FOLDER.glob("*.jsonl"))
    assert sum(path.stat().st_size for path in files) < 5_000_000
    assert {path.stem for path in files} == {one.version for one in releases}
    newest = max(releases, key=lambda one: Version(one.version))
    assert not {cell["verdict"] for cell in newest.cells} & {"drifted", "broken", "stale", "unjudged"}
