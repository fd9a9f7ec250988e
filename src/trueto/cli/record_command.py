"""`trueto record`: run an original at its pinned commit and keep what it returned."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import click

from trueto.errors import UsageError

if TYPE_CHECKING:
    from trueto.recording.recorder import Change, Original
    from trueto.references import Codebase

__all__ = ["command"]


@click.command("record")
@click.argument("codebase")
@click.option(
    "--source", required=True, metavar="DIR|pypi:NAME==VERSION", help="a clean checkout at the pinned commit, or the pinned package"
)
@click.option("--reference", "only", multiple=True, metavar="NAME", help="only this algorithm of the codebase")
@click.option(
    "--python", metavar="PATH", help="the interpreter, for a codebase whose codebase.toml names packages of an interpreter of its own"
)
@click.option(
    "--weights", metavar="PATH", help="run it on a checkpoint of yours instead of toy networks, and keep what it returns in .trueto/goldens"
)
@click.option("--case", "cases", multiple=True, metavar="NAME", help="with --weights: only this case, as plms-50 (glob allowed)")
@click.option("--check", "checking", is_flag=True, help="record again and compare with the goldens, writing nothing")
def command(
    codebase: str, source: str, only: tuple[str, ...], python: str | None, weights: str | None, cases: tuple[str, ...], *, checking: bool
) -> int:
    """Record CODEBASE: run the original and write its goldens and their manifest.

    The original runs in a process of its own, in float32 and true float64, on every case. Nothing else can write a golden.

    With --weights it runs on a checkpoint of yours: one .safetensors with the names of the released files and a folder
    `tokenizer` beside it, or a folder of diffusers; CLIP's tokenizer on a vocabulary, as the one in its repository. `trueto
    gate CANDIDATE --weights PATH` then judges the same cases on it.

    \b
    Examples
      trueto record k_diffusion --source pypi:k-diffusion==0.1.1.post1 --check
      trueto record compvis --source ~/src/latent-diffusion
      trueto record ho --source ~/src/diffusion --python ~/tensorflow/bin/python
      trueto record stable_diffusion --source ~/src/stable-diffusion --weights v1-5.safetensors --case plms-50
    """
    from trueto.recording import recorder
    from trueto.recording.source import open_source
    from trueto.references import codebase as find

    base = find(codebase)
    if not base.files:
        raise UsageError(
            f"nothing of {base.name} is recorded from an original: libraries promise it of themselves, and each is held against itself",
            f"trueto list references {base.name}",
        )
    names = recorder.references_of(base, only)
    if weights is not None:
        return _on_weights(base, names, recorder.Original(Path(source), "", python), weights, cases, named=bool(only), checking=checking)
    if cases:
        raise UsageError("--case goes with --weights: the project's own goldens are recorded whole", "the same without --case")
    total = sum(len(_cases(name)) for name in names)
    with open_source(base, source) as (folder, provenance), _progress(total) as progress:
        action = recorder.check if checking else recorder.record
        changes = action(base, names, recorder.Original(folder, provenance, python), progress)
    for change in changes:
        click.echo(_said(change, checking=checking))
    if checking:
        return 1 if any(change.beyond_floor or change.new for change in changes) else 0
    click.echo("next: trueto verify && dvc commit && dvc push")
    return 0


def _on_weights(
    base: Codebase, names: list[str], original: Original, path: str, cases: tuple[str, ...], *, named: bool, checking: bool
) -> int:
    """Record on a checkpoint of the user's."""
    from trueto.candidates import claimants
    from trueto.checkpoints import open_checkpoint
    from trueto.recording.source import open_source
    from trueto.recording.weighed import asked, record_on

    if checking:
        raise UsageError("--check compares with the project's own goldens, and with --weights there are none", "the same without --check")
    wanted = asked(open_checkpoint(Path(path)), names, cases, named=named)
    with open_source(base, str(original.source)) as (folder, provenance), _progress(wanted.total) as progress:
        written = record_on(base, wanted, replace(original, source=folder, provenance=provenance), progress)
    for name, file in zip(wanted.cases, written, strict=True):
        click.echo(f"{name}: {len(wanted.cases[name])} cases on {path} kept in {file}")
    chosen = "".join(f" --case {shlex.quote(case)}" for case in cases)
    candidate = next(iter(claimants(next(iter(wanted.cases)))), "CANDIDATE")
    click.echo(f"next: trueto gate {candidate} --weights {shlex.quote(path)}{' --reference ' + ' --reference '.join(wanted.cases)}{chosen}")
    return 0


def _cases(name: str) -> tuple[object, ...]:
    from trueto.references import reference

    return reference(name).cases


def _said(change: Change, *, checking: bool) -> str:
    if change.identical and not change.beyond_floor:
        return f"{change.reference}: {change.same} tensors, every bit the same"
    worst = max(change.moved.items(), key=lambda item: item[1], default=("", 0.0))
    text = f"{change.reference}: {change.same} the same, {len(change.moved)} moved, {len(change.new)} new, {len(change.gone)} gone"
    if change.moved:
        text += f"; largest move {worst[1]:.1e} in {worst[0]}"
    if checking and not change.beyond_floor:
        text += " (within the original's own rounding: another CPU or torch)"
    return "\n".join([text, *(f"  beyond its rounding: {line}" for line in change.beyond_floor[:10])])


class _progress:  # noqa: N801 - reads as a function
    """One line that counts on a terminal, a line every 25 cases elsewhere."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if sys.stderr.isatty():
            click.echo("", err=True)

    def __call__(self, what: str) -> None:
        self.done += 1
        if sys.stderr.isatty():
            click.echo(f"\r\033[Krecorded {self.done}/{self.total} {what}", nl=False, err=True)
        elif self.done % 25 == 0 or self.done == self.total:
            click.echo(f"recorded {self.done}/{self.total}", err=True)
