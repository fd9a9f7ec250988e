"""`trueto power`: seed faults into a candidate and say which of them its checks see."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from trueto.power import Certificate

__all__ = ["command"]

SHOWN = 20


@click.command("power", context_settings={"show_default": True})
@click.argument("candidate")
@click.option("--claim", "claims", multiple=True, metavar="NAME", help="only this claim of the candidate (glob allowed)")
@click.option("--faults", type=click.IntRange(1), default=40, help="faults a claim, drawn from all possible ones")
@click.option("--seed", type=int, default=0, help="what they are drawn from")
@click.option("--equivalence", type=click.IntRange(0), default=500, help="random configurations on which a survivor is compared")
@click.option("--jobs", type=click.IntRange(1), default=2, help="worker processes")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), default=Path("reports/power.json"), help="the certificate")
@click.option("--fresh", is_flag=True, help="measure anew what the certificate already says")
def command(  # noqa: PLR0917 - one argument an option
    candidate: str, claims: tuple[str, ...], faults: int, seed: int, equivalence: int, jobs: int, output: Path, fresh: bool
) -> int:
    """Seed faults into CANDIDATE, one at a time and in memory only, and see which of them the gate's cells would catch.

    Small faults (another sign, another constant, a dropped term ...) are made in the functions that each claim executes. One that no
    cell sees is compared with the library as it is on random configurations; it counts as equivalent only where nothing differs.
    Stop it whenever you like: the same command goes on where it was left.

    \b
    Examples
      trueto power diffusers --claim k_diffusion/dpmpp_2m --faults 20 --output power.json
      trueto power ./my_adapter.py --faults 100 --equivalence 200
    """
    from trueto.running.power import Power

    power = Power(candidate, output, faults, seed, equivalence, jobs, claims, fresh)
    power.open()
    click.echo(f"{power.name} {power.version} · {len(power.claims)} claims · up to {faults} faults each, seed {seed}")
    if power.resumed:
        click.echo(f"{power.resumed} faults are known from {output}")

    def progress(claim: str, number: int, of: int, outcome: str) -> None:
        if number % 10 == 0 or number == of or outcome == "survived":
            click.echo(f"{claim}: {number}/{of} {outcome}")

    certificate = power.measure(progress)
    _print(certificate, {claim.id for claim in power.claims})
    click.echo(f"certificate: {output}")
    return 0


def _print(certificate: Certificate, asked: set[str]) -> None:
    """The counts of each claim, then the survivors."""
    from trueto.power.certificate import said_of

    told = certificate.to_json()
    shown = {name: entry for name, entry in told["claims"].items() if name in asked}
    click.echo("")
    for name, entry in shown.items():
        layers = ", ".join(f"{layer} {count}" for layer, count in entry["by_layer"].items())
        click.echo(f"{name}: {said_of(entry)}" + (f" · {layers}" if layers else ""))
    survivors = [(name, fault) for name, entry in shown.items() for fault in entry["faults"] if fault["outcome"] == "survived"]
    for name, fault in survivors[:SHOWN]:
        click.echo(
            f"  survived  {name}: {fault['function']}, line {fault['line']}, {fault['operator']} ({fault['what']}); {fault.get('note', '')}"
        )
    if len(survivors) > SHOWN:
        click.echo(f"  … and {len(survivors) - SHOWN} more, in the certificate")
    click.echo(f"\n{said_of(told['total'])}; median CPU time of a fault {told['median_cpu_seconds']} s")
