"""`trueto history`: at which releases Y changed, from what sweeps have recorded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trueto.cli.choice import Choice

if TYPE_CHECKING:
    from trueto.history import Change, Release

__all__ = ["command"]


@click.command("history", context_settings={"show_default": True})
@click.argument("candidate")
@click.option("--claim", "claims", metavar="NAME", multiple=True, help="only this claim (glob allowed)")
@click.option("--size", type=Choice(("any", "negligible", "small", "visible")), default="any", help="only changes of at least this size")
@click.option("--format", "form", type=Choice(("table", "json")), default="table", help="what to print")
@click.option("--page", type=click.Path(path_type=Path), help="write it as a page with plots to this file, instead of printing it")
@click.option("--history", type=click.Path(path_type=Path), default=Path("reports/history"), help="the folder that holds the histories")
def command(candidate: str, claims: tuple[str, ...], history: Path, **shown: Any) -> int:
    """Say for each claim of CANDIDATE at which of its recorded releases Y changed: where, how, and by how much. Runs nothing.

    A paragraph is one claim, with two lines for each release at which it changed: in which layers, and how in the first of them, which
    later layers may only follow. Where releases between the two were not recorded, Y may have changed at one of them: `trueto bisect` finds
    out which.

    \b
    Examples
      trueto history diffusers
      trueto history diffusers --page history.html
      trueto history diffusers --claim 'k_diffusion/*' --size visible
      trueto bisect diffusers k_diffusion/dpmpp_2m --good 0.25.1 --bad 0.26.3
    """
    from trueto.candidates import check_spec
    from trueto.cli.timeline import history_text
    from trueto.errors import NothingSelected, UsageError
    from trueto.history import changes, read_history
    from trueto.running.sweep import history_folder

    if shown["page"] is not None:
        narrowed = {"--claim": bool(claims), "--size": shown["size"] != "any", "--format": shown["form"] != "table"}
        if refused := [name for name, given in narrowed.items() if given]:
            said = f"{', '.join(refused)} cannot go with --page: the page has the whole history, and filters of its own"
            raise UsageError(said, f"trueto history {candidate} --page {shown['page']}")
    releases = read_history(history_folder(history, candidate))
    if not releases:
        check_spec(candidate)
        raise NothingSelected(f"no release of {candidate} is recorded in {history}", f"trueto sweep {candidate} --last-patch")
    if shown["page"] is not None:
        return _page(releases, shown["page"])
    chosen = _chosen(releases, claims)
    found = [change for change in changes(releases, chosen) if _large(change, shown["size"])]
    if shown["form"] == "json":
        days = {release.version: str(release.header.get("released", "")) for release in releases}
        click.echo(json.dumps([_data(change, days[change.after]) for change in found], indent=1))
    else:
        click.echo(history_text(candidate, releases, found, chosen))
    return 0


def _page(releases: Sequence[Release], path: Path) -> int:
    from trueto.reports import history_page, write_text

    write_text(path, history_page(releases))
    click.echo(f"written to {path}")
    return 0


def _chosen(releases: Sequence[Release], claims: Sequence[str]) -> list[str] | None:
    """The claims that are meant; UnknownName for one that no release has."""
    from fnmatch import fnmatchcase

    from trueto.errors import UnknownName

    if not claims:
        return None
    known = sorted({str(cell["claim"]) for release in releases for cell in release.cells})
    for pattern in claims:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise UnknownName("claim in the history", pattern, known, "trueto history CANDIDATE")
    return [name for name in known if any(fnmatchcase(name, pattern) for pattern in claims)]


def _large(change: Change, size: str) -> bool:
    """Whether a change is at least so large; what has no size, as a crash, always is."""
    from trueto.history import SIZES

    said = change.worse["size"]
    return size == "any" or said not in SIZES or change.kind in {"broke", "repaired"} or SIZES.index(said) >= SIZES.index(size)


def _data(change: Change, day: str) -> dict[str, Any]:
    keys = ("claim", "layer", "case", "before", "after", "kind", "what")
    cell = change.worse
    sized = {name: cell[name] for name in ("size", "grey_levels", "ratio", "first_step", "cause")}
    where = {"released": day, "profile": cell["profile"], "seed": cell["seed"]}
    return {**{key: getattr(change, key) for key in keys}, **sized, **where}
