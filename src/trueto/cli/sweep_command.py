"""`trueto sweep`: judge the releases of a library one after the other, and keep what they computed as its history."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

__all__ = ["command"]


@click.command("sweep", context_settings={"show_default": True})
@click.argument("candidate", required=False)
@click.option("--versions", metavar="SPEC", default=">=0", help="which releases, as '>=0.20,<0.30'")
@click.option("--last-patch", is_flag=True, help="of each minor version only the last release, as 0.26.3")
@click.option("--history", type=click.Path(path_type=Path), default=Path("reports/history"), help="the folder that holds the histories")
@click.option("--again", is_flag=True, help="also those that are recorded already")
@click.option("--full", is_flag=True, help="all recorded cases of each claim, not only the quick ones")
@click.option("--profile", "profiles", metavar="NAME", multiple=True, default=["default"], help="how to run them, as threads-2")
@click.option("--jobs", metavar="N", default="2", help="worker processes")
@click.option("--list", "only_list", is_flag=True, help="say which releases there are, and judge nothing")
def command(candidate: str | None, **chosen: Any) -> int:
    """Judge releases of CANDIDATE, each in an environment of its own, and record what each computed.

    Without a CANDIDATE it is the one of [tool.trueto] in pyproject.toml.

    A sweep can be interrupted: what is recorded on the same goldens is passed over the next time. A release that cannot be imported
    is recorded as not judged, with the reason. Without a network those releases are judged whose environment is there.

    \b
    Examples
      trueto sweep diffusers --versions '>=0.20' --last-patch
      trueto sweep diffusers --versions '==0.26.3' --again
      trueto sweep diffusers --last-patch --profile default --profile threads-2
      trueto history diffusers

    \b
    Exit code: 0 all are recorded   2 one could not be judged or fetched   5 no release is chosen
    """
    from trueto.candidates import chosen as chosen_candidate
    from trueto.errors import NothingSelected
    from trueto.running.entry import chosen_profiles
    from trueto.running.releases import built, published, selected
    from trueto.running.sweep import OPTIONS, history_folder, sweep

    candidate = chosen_candidate(candidate)
    history, jobs, (profiles, _) = chosen["history"], chosen["jobs"], chosen_profiles(chosen["profiles"])
    known = published(candidate)
    if not known:
        known = built(candidate)
        click.echo(f"the package index cannot be reached: only the {len(known)} releases that are here")
    wanted = selected(known, chosen["versions"])
    wanted = _last(wanted) if chosen["last_patch"] else wanted
    if not wanted:
        raise NothingSelected(f"no release of {candidate} is in '{chosen['versions']}'", f"trueto sweep {candidate} --list")
    if chosen["only_list"]:
        click.echo(f"{len(wanted)} releases of {candidate}: {', '.join(wanted)}")
        return 0
    folder, bad = history_folder(history, candidate), 0
    options = {**OPTIONS, "quick": not chosen["full"], "jobs": jobs, "profile": profiles}
    for number, one in enumerate(sweep(candidate, wanted, folder, options, again=chosen["again"], say=click.echo), 1):
        bad += one.outcome in {"failed", "unjudged"}
        took = f" ({one.seconds:.0f} s)" if one.seconds else ""
        click.echo(f"[{number}/{len(wanted)}] {candidate} {one.version} {one.outcome}: {one.said}{took}")
    click.echo(f"{len(wanted)} releases in {folder} · next: trueto history {candidate}")
    return 2 if bad else 0


def _last(versions: Sequence[str]) -> list[str]:
    """Of each minor version the last release."""
    from packaging.version import Version

    return list({Version(version).release[:2]: version for version in versions}.values())
