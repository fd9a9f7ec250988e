"""The command line: one file a command, imported only when it is used."""

from __future__ import annotations

import importlib
import sys

import click

from trueto.errors import TruetoError

__all__ = ["main"]

COMMANDS = {
    "init": "write the files that a library needs to be judged",
    "smoke": "does an adapter start, and does each of its claims run",
    "gate": "judge a library against the originals it claims to implement",
    "baseline": "what is new in a run against that of the merge base",
    "explain": "why one cell differs: which knob of the original's spec restores agreement",
    "declare": "turn what explain found into an entry of the ledger",
    "keep": "judge from now on what a law has found, in every gate without --quick",
    "verify": "check every spec against every golden",
    "record": "run an original and keep what it returned",
    "list": "references, candidates, claims, cases, fixtures, profiles",
    "show": "the card of one original algorithm, in plain words",
    "report": "make the static site, tables and metrics from a run record",
    "publish": "send a run record to MLflow",
    "serve": "MLflow with the report at /drift, in one server",
    "env": "fetch another release of a library, to judge it beside the installed one",
    "sweep": "judge the releases of a library one after the other, and keep their history",
    "ci": "the gate as a step of GitHub Actions",
    "history": "at which releases a library moved away from the originals, and back",
    "bisect": "which release first changed what a library computes",
    "matrix": "every recorded library beside every original that it claims",
    "power": "seed faults into a library and say which of them its checks see",
    "doctor": "what is installed, missing or stale, and what to type",
}


class Lazy(click.Group):
    """A group that knows its commands by name and imports a command only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a new user needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the one command that is asked for; suggest the nearest name for an unknown one."""
        if cmd_name not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(cmd_name, COMMANDS, n=1)
            ctx.fail(f"no command '{cmd_name}'" + (f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(COMMANDS)}"))
        return importlib.import_module(f"trueto.cli.{cmd_name}_command").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        from trueto import __version__

        click.echo(f"trueto {__version__}")
        ctx.exit()


@click.command(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version.")
def cli() -> None:
    """Is this library still true to the original?

    trueto records what the original code of a paper computes, keeps it as golden tensors, and judges any library against it.

    \b
    Begin with
      trueto list references                what the originals are
      trueto show k_diffusion/dpmpp_2m      one of them, in plain words
      trueto gate diffusers --quick         judge the installed diffusers
    """


def main() -> None:
    """Run the command line; every error that is ours ends in one sentence and its exit code (0 to 5, see the README)."""
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(4)
    except click.Abort:
        sys.exit(130)
    except TruetoError as error:
        click.echo(f"trueto: {error.message}", err=True)
        if error.hint:
            click.echo(f"   try: {error.hint}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - none of it may look like a verdict
        import traceback

        traceback.print_exc()
        click.echo(f"trueto: trueto itself failed: {type(error).__name__}: {error}", err=True)
        click.echo("   try: trueto doctor; what is above belongs into a report to its maintainers", err=True)
        sys.exit(3)
    sys.exit(code if isinstance(code, int) else 0)
