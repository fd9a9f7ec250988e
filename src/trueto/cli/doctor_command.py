"""`trueto doctor`: what is installed, missing or stale, and what to type."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import click

__all__ = ["command"]

PACKAGES = {
    "torch": "pip install 'trueto[torch]'",
    "diffusers": "pip install 'trueto[diffusers]'",
    "scipy": "pip install 'trueto[diffusers]'",
    "torchsde": "pip install 'trueto[diffusers]'",
    "mlflow": "pip install 'trueto[mlflow]'",
    "dvc": "pip install 'trueto[dvc]'",
}


@click.command("doctor")
def command() -> int:
    """Check this installation: packages, fixtures, goldens, profiles. Each problem ends with the next thing to type."""
    from trueto import __version__
    from trueto.settings import data_root

    click.echo(f"trueto {__version__} · python {platform.python_version()} · data in {data_root()}\n")
    for package, fix in PACKAGES.items():
        try:
            click.echo(f"  ✓ {package} {version(package)}")
        except PackageNotFoundError:
            click.echo(f"  · {package} is not installed (optional): {fix}")
    _walls()
    problems = [*_fixtures(), *_goldens()]
    _profiles()
    click.echo(f"\n{len(problems)} problem{'s' if len(problems) > 1 else ''}:" if problems else "\nall well")
    for problem in problems:
        click.echo(problem)
    return 2 if problems else 0


def _problem(what: str, words: str) -> str:
    """Say a problem where it is found; the line, for saying it once more at the end."""
    line = f"  ✗ {what}: {words}"
    click.echo(line)
    return line


def _walls() -> None:
    from trueto.workers.walls import Walls

    if Walls().stand:
        click.echo("  ✓ candidates run behind walls: they cannot open goldens, nor write X or trueto")
    else:
        click.echo("  · this kernel has no Landlock: a candidate could open goldens; Linux 5.13 has it")


def _fixtures() -> list[str]:
    from trueto.errors import TruetoError
    from trueto.fixtures import FAMILIES
    from trueto.fixtures.source import family_tensors

    found = []
    for family in FAMILIES:
        try:
            click.echo(f"  ✓ fixtures/{family}: {len(family_tensors(family))} tensors")
        except TruetoError as error:
            found.append(_problem(f"fixtures/{family}", f"{error.message}; type: {error.hint}"))
    return found


def _goldens() -> list[str]:
    from trueto.errors import TruetoError
    from trueto.references import load_golden, reference, reference_names

    found = []
    for ref in map(reference, reference_names()):
        name = ref.id
        if not ref.nets:
            continue
        try:
            golden = load_golden(name)
            missing = [case.id for case in ref.cases if not all(golden.has(case.id, net, "float32") for net in ref.nets)]
            if missing:
                found.append(_problem(name, f"no golden for {', '.join(missing)}: stale; type: {ref.codebase.recording}"))
            else:
                click.echo(f"  ✓ {name}: {len(ref.cases)} cases, recorded with torch {golden.header['torch']}")
        except TruetoError as error:
            found.append(_problem(name, f"{error.message}; type: {error.hint}"))
    return found


def _profiles() -> None:
    from trueto.running.profiles import absent, profile, profile_names

    for name in profile_names():
        why = absent(profile(name))
        if why:
            click.echo(f"  · profile {name} cannot run here: {why}")
