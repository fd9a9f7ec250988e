"""`trueto env`: make what another release of a library needs to be judged beside the installed one."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command("env")
@click.argument("releases", metavar="CANDIDATE==VERSION...", nargs=-1, required=True)
@click.option("--again", is_flag=True, help="make it anew, even if it is there")
@click.option("--source", metavar="DIR", type=click.Path(path_type=Path), help="a git repository of the library, to build commits from")
def command(releases: tuple[str, ...], *, again: bool, source: Path | None) -> int:
    """Fetch releases of a library into folders of their own (.trueto/environments), over the torch that is installed.

    Only this command and `trueto sweep` and `trueto bisect` fetch anything. A folder that is there is whole, and is kept. With --source
    what stands after == is a commit of your clone, or the name of one, which pip builds.

    \b
    Examples
      trueto env diffusers==0.25.1
      trueto gate diffusers==0.25.1 --quick
      trueto env diffusers==main --source ../diffusers
    """
    from trueto.candidates import parted
    from trueto.errors import UsageError
    from trueto.running.commits import commit_at
    from trueto.running.releases import build

    for spec in releases:
        if not parted(spec)[1]:
            raise UsageError(f"{spec} names no release", f"trueto env {spec}==VERSION")
    if source is not None:  # names of commits change, their numbers do not
        releases = tuple(f"{name}=={commit_at(source, revision).version}" for name, revision in map(parted, releases))
    for spec in releases:
        folders = build(spec, again=again, source=source, say=click.echo)
        click.echo(f"{spec} is ready: {', '.join(folder.name for folder in folders)} · next: trueto gate {spec} --quick")
    return 0
