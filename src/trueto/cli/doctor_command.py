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
    problems = [*_walls(), *_fixtures(), *_goldens(), *_profiles()]
    click.echo(f"\n{problems.count(True)} problems" if any(problems) else "\nall well")
    return 2 if any(problems) else 0


def _walls() -> list[bool]:
    from trueto.workers.walls import Walls

    if Walls().stand:
        click.echo("  ✓ candidates run behind walls: they cannot open goldens, nor write X or trueto")
    else:
        click.echo("  · this kernel has no Landlock: a candidate could open goldens; Linux 5.13 has it")
    return []


def _fixtures() -> list[bool]:
    from trueto.errors import TruetoError
    from trueto.fixtures import FAMILIES
    from trueto.fixtures.source import family_tensors

    found = []
    for family in FAMILIES:
        try:
            click.echo(f"  ✓ fixtures/{family}: {len(family_tensors(family))} tensors")
            found.append(False)
        except TruetoError as error:
            click.echo(f"  ✗ fixtures/{family}: {error.message}; type: {error.hint}")
            found.append(True)
    return found


def _goldens() -> list[bool]:
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
                said = f"no golden for {', '.join(missing)}: stale; type: {ref.codebase.recording}"
                click.echo(f"  ✗ {name}: {said}")
            else:
                click.echo(f"  ✓ {name}: {len(ref.cases)} cases, recorded with torch {golden.header['torch']}")
            found.append(bool(missing))
        except TruetoError as error:
            click.echo(f"  ✗ {name}: {error.message}; type: {error.hint}")
            found.append(True)
    return found


def _profiles() -> list[bool]:
    from trueto.running.profiles import absent, profile, profile_names

    for name in profile_names():
        why = absent(profile(name))
        if why:
            click.echo(f"  · profile {name} cannot run here: {why}")
    return []
