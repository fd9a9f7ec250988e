"""`trueto smoke`: does an adapter start, and does each of its claims run, in a few seconds."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("smoke", context_settings={"show_default": True})
@click.argument("candidate", required=False)
@click.option("--seconds", type=float, default=5.0, help="how long to try claims; the rest is named")
def command(candidate: str | None, seconds: float) -> int:
    """Look whether CANDIDATE starts, says what it claims, and runs one case for each claim. Judges nothing.

    \b
    Exit code: 0 every claim ran   1 one did not   2 it does not start, or time was over
    """
    from trueto.candidates import chosen
    from trueto.running.smoke import started, tried

    spec = chosen(candidate)
    here = started(spec)
    width = max((len(claim.id) for claim in here.claims), default=0)
    click.echo(f"starts   {here.name} {here.version}, {len(here.claims)} claims ({here.told:.1f} s)")
    click.echo(f"imports  its library ({here.imported:.1f} s)")
    found = []
    try:
        for one in tried(spec, here, seconds):
            found.append(one)
            ran = f"{one.calls} network calls in" if one.calls else "ran in"
            said = one.problem or f"{ran} {one.seconds:.2f} s"
            click.echo(f"{'✗' if one.problem else '✓'} {one.claim:{width}}  {one.case or '-'}: {said}")
            if one.problem:
                click.echo(f"    try: {one.hint}")
    finally:
        here.worker.close()
    bad, left = sum(bool(one.problem) for one in found), len(here.claims) - len(found)
    rest = f", {left} not tried in {seconds:g} s (--seconds {max(60, 4 * seconds):g} tries more)" if left else ""
    click.echo(
        f"{len(found) - bad} of {len(here.claims)} claims run{rest}" + ("" if bad or left else f" · next: trueto gate {spec} --quick")
    )
    return 1 if bad else 2 if left or not found else 0
