"""`trueto bisect`: which release first changed what a claim computes."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command("bisect", context_settings={"show_default": True})
@click.argument("candidate")
@click.argument("claim")
@click.option("--good", metavar="VERSION", required=True, help="the older release, which computes what you expect")
@click.option("--bad", metavar="VERSION", required=True, help="the newer release, which computes something else")
@click.option("--history", type=click.Path(path_type=Path), default=Path("reports/history"), help="the folder that holds the histories")
@click.option("--jobs", metavar="N", default="2", help="worker processes")
def command(candidate: str, claim: str, good: str, bad: str, history: Path, jobs: str) -> int:
    """Find the first release of CANDIDATE at which CLAIM computes something else than at --good.

    What sweeps have recorded is used first; of the releases between only those are fetched and judged that are needed, on the quick
    cases of the one claim. "Something else" is another Y, nearer to the original or further away.

    \b
    Examples
      trueto bisect diffusers k_diffusion/dpmpp_2m --good 0.25.1 --bad 0.26.3
      trueto explain diffusers==0.26.3 k_diffusion/dpmpp_2m:schedule:model-20

    \b
    Exit code: 0 found   2 an end could not be judged   4 both ends are alike, or a name is wrong
    """
    from trueto.cli.timeline import change_line
    from trueto.history import first_part
    from trueto.running.bisect import Bisection, bisect
    from trueto.running.releases import built, published
    from trueto.running.sweep import OPTIONS, history_folder

    versions = published(candidate) or built(candidate)
    own = history_folder(Path(".trueto") / "bisect", candidate) / claim.replace("/", "-")
    options = {**OPTIONS, "jobs": jobs}
    search = Bisection(candidate, claim, history_folder(history, candidate), own, options, click.echo)
    found = bisect(search, good, bad, versions)
    window = f", or at {' or '.join(found.between)}, which could not be judged" if found.between else ""
    as_before = "" if found.before == good else f"; {found.before} is as {good}"
    click.echo(f"{claim} changed at {candidate} {found.after}{window}{as_before}")
    click.echo(f"{len(found.judged)} releases judged for this, {len(search.known) - len(found.judged)} known before")
    for change in found.changes:
        click.echo(f"  {change.layer} · {change.case}: {change_line(change)}")
    first = first_part(found.changes)
    click.echo(f"next: trueto explain {candidate}=={found.after} {claim}:{first.layer}:{first.case}")
    return 0
