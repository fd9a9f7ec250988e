"""`trueto bisect`: which release first changed what a claim computes."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command("bisect", context_settings={"show_default": True})
@click.argument("candidate")
@click.argument("claim")
@click.option("--good", metavar="VERSION", required=True, help="the older release or commit, which computes what you expect")
@click.option("--bad", metavar="VERSION", required=True, help="the newer one, which computes something else")
@click.option("--source", metavar="DIR", type=click.Path(path_type=Path), help="a git repository of the library: search its commits")
@click.option("--touching", metavar="PATH", multiple=True, help="with --source: only commits that touch this path; may be repeated")
@click.option("--history", type=click.Path(path_type=Path), default=Path("reports/history"), help="the folder that holds the histories")
@click.option("--jobs", metavar="N", default="2", help="worker processes")
def command(
    candidate: str, claim: str, *, good: str, bad: str, source: Path | None, touching: tuple[str, ...], history: Path, jobs: str
) -> int:
    """Find the first release of CANDIDATE, or the first commit, at which CLAIM computes something else than at --good.

    What sweeps have recorded is used first; of the releases between only those are fetched and judged that are needed, on the quick
    cases of the one claim. "Something else" is another Y, nearer to the original or further away. With --source the library is built
    from commits of your clone, which is only read; a commit that cannot be built or imported is passed over.

    \b
    Examples
      trueto bisect diffusers k_diffusion/dpmpp_2m --good 0.25.1 --bad 0.26.3
      trueto bisect diffusers k_diffusion/dpmpp_2m --source ../diffusers --good v0.25.1 --bad v0.26.0 --touching src/diffusers/schedulers
      trueto explain diffusers==0.26.3 k_diffusion/dpmpp_2m:schedule:model-20

    \b
    Exit code: 0 found   2 an end could not be judged   4 both ends are alike, or a name is wrong
    """
    from trueto.cli.timeline import change_line
    from trueto.errors import UsageError
    from trueto.history import first_part
    from trueto.running.bisect import Bisection, bisect, line_of_releases
    from trueto.running.commits import commits_between
    from trueto.running.releases import built, published
    from trueto.running.sweep import OPTIONS, history_folder

    if touching and source is None:
        raise UsageError("--touching chooses among commits, and no repository is given", "--source DIR")
    own = history_folder(Path(".trueto") / "bisect", candidate) / claim.replace("/", "-")
    search = Bisection(
        candidate, claim, history_folder(history, candidate), own, {**OPTIONS, "jobs": jobs}, click.echo, source and source.resolve()
    )
    commits = {} if source is None else {commit.version: commit for commit in commits_between(source, good, bad, touching)}
    if commits:
        click.echo(f"{len(commits)} commits, from {next(iter(commits.values()))} to {bad}")
    found = bisect(search, list(commits) or line_of_releases(search, good, bad, published(candidate) or built(candidate)))

    def named(version: str) -> str:
        return f"commit {commits[version]}" if version in commits else search.known[version].named if version in search.known else version

    window = f", or at {' or '.join(map(named, found.between))}, which could not be judged" if found.between else ""
    begun = next(iter(commits), good)
    as_before = "" if found.before == begun else f"; {named(found.before)} is as {'the first of them' if commits else good}"
    click.echo(f"{claim} changed at {candidate} {named(found.after)}{window}{as_before}")
    click.echo(f"{len(found.judged)} {'commits' if commits else 'releases'} judged for this, {search.known_before} known before")
    for change in found.changes:
        click.echo(f"  {change.layer} · {change.case}: {change_line(change)}")
    first = first_part(found.changes)
    click.echo(f"next: trueto explain {candidate}=={found.after} {claim}:{first.layer}:{first.case}")
    return 0
