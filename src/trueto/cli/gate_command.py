"""`trueto gate`: judge a candidate, show progress, then the matrix and what is undeclared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trueto.cli.choice import Choice
from trueto.errors import TruetoError
from trueto.settings import FORMATS, GATE_OPTIONS, data_root, forget_pytest_options

if TYPE_CHECKING:
    from trueto.events import RunRecord
    from trueto.model import Judgement
    from trueto.plugin import GateSession
    from trueto.reports.baseline import Difference
    from trueto.running.gate import Gate

__all__ = ["command"]


def _options(function: Any) -> Any:
    for option in reversed(GATE_OPTIONS):
        settings: dict[str, Any] = {"help": option.help, "multiple": option.multiple, "default": () if option.multiple else option.default}
        if option.flag:
            settings = {"help": option.help, "is_flag": True}
        elif option.choices:
            settings["type"] = Choice(option.choices)
        elif option.metavar:
            settings["metavar"] = option.metavar
        function = click.option(f"--{option.name}", **settings)(function)
    return function


@click.command("gate", context_settings={"show_default": True})
@click.argument("candidate", required=False)
@_options
@click.option(
    "--format", "form", type=Choice(("table", *FORMATS)), default="table", help="what to print; docs/reports.md says what each is"
)
@click.option("--output", metavar="FILE", help="print to this file instead of the terminal")
@click.option("--summary", metavar="FILE", help="add a job summary in Markdown to the end of this file, as $GITHUB_STEP_SUMMARY")
@click.option("--baseline", metavar="RUN", help="an earlier run record: fail only on what is new (see `trueto baseline --help`)")
@click.option("--record", metavar="FILE", help="where to keep the run record  [default: .trueto/runs/<time>-<candidate>.jsonl]")
def command(candidate: str | None, form: str, output: str | None, record: str | None, **chosen: Any) -> int:
    """Judge CANDIDATE: a library by name (diffusers), an adapter (my_adapter.py), a program in any language (my_program.toml).

    Without a CANDIDATE it is the one of [tool.trueto] in pyproject.toml.

    Each cell is one claim of the library, on one case, in one layer. A library passes when every cell is the same as the
    original within the original's own rounding, or is declared in its ledger (deviations.toml).

    \b
    Exit code: 0 same or declared   1 undeclared difference, stale ledger, crash
               2 could not judge    3 trueto's own fault    4 wrong usage    5 nothing selected

    \b
    Examples
      trueto gate diffusers --quick
      trueto gate diffusers --reference k_diffusion/dpmpp_2m --layer update
      trueto gate diffusers --case karras-20 --profile bfloat16 --format markdown
      trueto gate diffusers --weights v1-5.safetensors --reference stable_diffusion/txt2img --case plms-50
      trueto gate --format github --summary "$GITHUB_STEP_SUMMARY"
    """
    import pytest

    from trueto import plugin
    from trueto.candidates import chosen as chosen_candidate
    from trueto.events import read_run
    from trueto.plugin import GateSession, Given
    from trueto.reports import summary_room
    from trueto.reports.baseline import compare, read_base
    from trueto.running.entry import open_gate, writable

    summary, baseline = chosen.pop("summary"), chosen.pop("baseline")
    options = {name.replace("_", "-"): value for name, value in chosen.items()}
    for file in filter(None, (output, summary)):
        writable(Path(file))
    room = summary_room(Path(summary)) if summary else 0
    base = read_base(Path(baseline)) if baseline else None
    gate, path = open_gate(chosen_candidate(candidate), options, record)
    if base is not None:
        _refuse_other(gate, base)
    progress = _Progress(quiet=form != "table")
    session = GateSession(gate, path, options["fail-on"], progress)
    suites = data_root() / "suites"
    arguments = ["-c", str(suites / "pytest.ini"), "--rootdir", str(suites), "-p", "no:terminal", "-s", "--disable-plugin-autoload"]
    forget_pytest_options()
    try:
        ended = pytest.main([*arguments, str(suites)], plugins=[plugin, Given(session)])
    finally:
        progress.stop()
    interrupted = int(ended) == pytest.ExitCode.INTERRUPTED and not session.trouble
    if session.writer is None:  # what may lie there is of another run
        raise _incomplete(path, session, interrupted=interrupted)
    run = read_run(path)
    found = compare(run, base) if base is not None and run.complete else None
    if summary:
        _summarise(run, found, Path(summary), room)
    if not run.complete:
        raise _incomplete(path, session, interrupted=interrupted)
    _print(run, form, output)
    if found is None:
        return session.exit_code
    click.echo(found.text(), nl=False, err=form != "table")
    return found.exit_code(options["fail-on"])


def _refuse_other(gate: Gate, base: RunRecord) -> None:
    """DataError, before anything runs, where what is asked for cannot be compared with the base."""
    from trueto.events import SUITE
    from trueto.reports.baseline import check_base

    try:
        check_base({**gate.header(""), "suite": SUITE}, base)
    except BaseException:
        gate.close()
        raise


def _incomplete(path: Path, session: GateSession, *, interrupted: bool) -> TruetoError:
    """Why not every cell was judged."""
    said = "interrupted" if interrupted else f"trueto itself failed: {session.trouble or 'no reason is known'}"
    return TruetoError(f"the run is incomplete ({said}); what was judged is in {path}", "trueto doctor")


def _print(run: RunRecord, form: str, output: str | None) -> None:
    from trueto.cli.table import summary_table
    from trueto.reports import render, write_text

    text = summary_table(run, run.path, terminal=output is None) if form == "table" else render(run, form)
    if output:
        write_text(Path(output), text + "\n")
        click.echo(f"written to {output}")
    else:
        click.echo(text)


def _summarise(run: RunRecord, found: Difference | None, target: Path, room: int) -> None:
    """A summary of what was judged, of an incomplete run too; what is new comes first."""
    from trueto.reports import to_markdown

    news = found.markdown() if found is not None else ""
    with target.open("a", encoding="utf-8") as stream:
        stream.write(news + to_markdown(run, room=room - len(news.encode()), most=None))


def _total(gate: Gate) -> int:
    """Cells and laws together."""
    return len(gate.cells) + (len(gate.search.asked) if gate.search is not None else 0)


class _Progress:
    """A progress bar on a terminal, a line every 50 cells elsewhere, nothing when the output is for a machine."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self._bar: Any = None
        self._task: Any = None
        self._done = 0

    def __call__(self, gate: Gate, judgement: Judgement | None) -> None:
        if self.quiet:
            return
        if judgement is None:
            self._begin(gate)
            return
        self._done += 1
        if self._bar is not None:
            self._bar.update(self._task, advance=1, description=judgement.cell.id[:60])
        elif self._done % 50 == 0 or self._done == _total(gate):
            click.echo(f"judged {self._done}/{_total(gate)}")

    def _begin(self, gate: Gate) -> None:
        import sys

        from trueto import __version__
        from trueto.running.circumstances import environment

        search = gate.search
        laws = f" · {len(search.asked)} laws (`{search.profile}`)" if search is not None and search.asked else ""
        profiles = ", ".join(gate.selection.profiles)
        click.echo(
            f"trueto {__version__} · {gate.name} {gate.version} · torch {environment()['torch']} · profiles {profiles} "
            f"· {len(gate.cells)} cells{laws}"
        )
        for name, why in {**gate.absent, **gate.skipped}.items():
            click.echo(f"profile {name} cannot run here: {why}")
        if sys.stdout.isatty():
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            self._bar = Progress(
                TextColumn("judging"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.description}"),
                transient=True,
            )
            self._task = self._bar.add_task("importing the library", total=_total(gate))
            self._bar.start()

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
