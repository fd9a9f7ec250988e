"""`trueto init`: the files that a library needs to be judged, written from a few answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

__all__ = ["command"]

ADAPTER = '''"""What {name} claims to be, for trueto: `trueto smoke`, `trueto gate`."""

from trueto.conformance import functions

ADAPTER = functions(
    {name_text},
    {{
{rows}    }},
    source={source},
    quote={quote},
)
'''
LEDGER = """# True differences of {name} from its originals, each declared by the variant of the spec that it equals.
# `trueto declare CELL` appends an entry with what `trueto explain` found.
candidate = "trueto_adapter"
"""
WORKFLOW = """name: trueto
on:
  push:
    branches: [main]
  pull_request:
    types: [opened, synchronize, reopened, labeled]
permissions:
  contents: read
jobs:
  gate:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
        with:
          persist-credentials: false
          fetch-depth: 0
      - uses: actions/setup-python@a26af69be951a213d495a4c3e4e4022e16d87065 # v5.6.0
        with:
          python-version: "3.11"
      - run: pip install . trueto
      - run: trueto smoke
      - run: trueto ci gate
"""
PROJECT = Path("pyproject.toml")
TABLE = '\n[tool.trueto]\ncandidate = "trueto_adapter.py"\n'


@click.command("init")
@click.option("--name", help="the name by which your library is installed  [default: asked for]")
@click.option("--claim", "claims", multiple=True, metavar="REFERENCE=MODULE:FUNCTION", help="one sampler of yours and its original")
@click.option("--source", help="where your docs say so  [default: asked for]")
@click.option("--quote", help="the sentence that says it  [default: asked for]")
def command(name: str | None, claims: tuple[str, ...], source: str | None, quote: str | None) -> int:
    """Write adapter, ledger, workflow and [tool.trueto] into this folder. Asks for what no option says; overwrites nothing.

    \b
    Example
      trueto init --name mylib --claim k_diffusion/euler=mylib.samplers:euler --source README.md --quote "Euler, as in k-diffusion"
    """
    from trueto.errors import UsageError

    try:
        name = name or click.prompt("Name by which your library is installed", default=_own_name())
        pairs = dict(_pair(claim) for claim in claims) or _asked()
        source = source or click.prompt("Where do your docs say so", default="README.md")
        quote = quote or click.prompt("The sentence that says it")
    except click.Abort as stopped:
        if sys.stdin.isatty():
            raise
        click.echo()
        said = "the input ended before every question had its answer; options say the same, as in the example of its help"
        raise UsageError(said, "trueto init --help") from stopped
    rows = "".join(f"        {json.dumps(reference)}: {json.dumps(path)},\n" for reference, path in pairs.items())
    said = {"name_text": json.dumps(name), "source": json.dumps(source), "quote": json.dumps(quote, ensure_ascii=False)}
    files = {
        Path("trueto_adapter.py"): ADAPTER.format(name=name, rows=rows, **said),
        Path("deviations.toml"): LEDGER.format(name=name),
        Path(".github/workflows/trueto.yml"): WORKFLOW,
    }
    _write(files)
    click.echo("next: pip install . (your library, where trueto is), then trueto smoke")
    return 0


def _own_name() -> str:
    """The name in pyproject.toml, or the folder's."""
    from trueto.candidates import project_table

    said = project_table(PROJECT.read_bytes(), str(PROJECT), "project") if PROJECT.exists() else None
    return str((said or {}).get("name", Path.cwd().name))


def _pair(text: str) -> tuple[str, str]:
    """A claim as typed: reference and module:function; UsageError with the nearest name."""
    from trueto.conformance import FAMILY
    from trueto.errors import UnknownName, UsageError
    from trueto.references import reference_names

    reference, _, path = text.partition("=")
    known = reference_names()
    if reference not in known:
        raise UnknownName("reference", reference, known, "trueto list references")
    if not reference.startswith(f"{FAMILY}/"):
        raise UsageError(f"init writes adapters for {FAMILY}'s samplers; {reference} needs one of your own", "CONTRIBUTING.md")
    module, _, function = path.partition(":")
    if not all(part.isidentifier() for part in [*module.split("."), function]):
        raise UsageError(
            f"{reference} is what of yours? saw '{path}', expected module:function", f"--claim {reference}=mylib.samplers:euler"
        )
    return reference, path


def _asked() -> dict[str, str]:
    """Claims, one after another, until an empty answer; what cannot be claimed is said, and asked for again."""
    from trueto.errors import TruetoError

    found: dict[str, str] = {}
    while answer := click.prompt(
        "Original and your sampler, as k_diffusion/euler=mylib:euler (empty: done)", default="", show_default=False
    ):
        try:
            found.update([_pair(answer)])
        except TruetoError as error:
            click.echo(f"{error.message} (try: {error.hint})", err=True)
    if not found:
        raise click.UsageError("nothing is claimed")
    return found


def _write(files: dict[Path, str]) -> None:
    """Write all or nothing; pyproject.toml is added to."""
    from trueto.candidates import project_table
    from trueto.errors import UsageError

    there = [str(path) for path in files if path.exists()]
    if there:
        raise UsageError(f"{', '.join(there)} exists already; init overwrites nothing", "trueto smoke")
    text = PROJECT.read_bytes() if PROJECT.exists() else b""
    named = project_table(text, str(PROJECT), "tool", "trueto") is not None
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        click.echo(f"wrote {path}")
    if not named:
        PROJECT.write_bytes(text + TABLE.encode())
        click.echo("added [tool.trueto] to pyproject.toml")
