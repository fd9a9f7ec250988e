"""`trueto ci`: the gate, and the comment about it, as steps of GitHub Actions."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.group("ci", invoke_without_command=False)
def command() -> None:
    """Steps of a workflow of GitHub Actions (docs/ci.md). `trueto gate` is the same gate for everywhere else.

    \b
    Example, as the last lines of a job on pull requests
      - run: pip install . trueto
      - run: trueto ci gate
    """


@command.command("gate")
def gate() -> int:
    """Judge, write summary, annotations and reports, and fail as `trueto gate` does. Reads TRUETO_CI_* and GITHUB_* of the environment.

    On a pull request [tool.trueto], adapter, ledger and workflows are those of the merge base; what the request changes of them is
    `proposed` and red until a label approves just that.

    Options are variables of the step: TRUETO_CI_CANDIDATE, _REFERENCES, _LAYERS, _PROFILES, _LEDGER, _FAIL_ON, _BASELINE, _COMMENT, _QUICK,
    _LAWS, _PROTECTED and _OUTPUT (docs/ci.md). Reports are in trueto-report/.

    \b
    Exit code: that of `trueto gate`, and 1 for what is only proposed

    \b
    Example
      TRUETO_CI_QUICK=true trueto ci gate
    """
    from trueto.action import run_gate
    from trueto.settings import whole_environment

    return run_gate(whole_environment(), click.echo)


@command.command("comment")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--head", required=True, metavar="SHA", help="the commit that was judged: github.event.workflow_run.head_sha")
@click.option("--output", type=click.Path(path_type=Path), default=Path("comment.md"), show_default=True, help="the file to write")
def comment(folder: Path, head: str, output: Path) -> int:
    """Check the artifact in FOLDER, write the comment, and print the number of the pull request that it names.

    Nothing is written or printed where the gate was told to leave the request without a comment.

    Ask GitHub whether the head of that request is SHA before anything is posted.
    """
    from trueto.action import make_comment

    number = make_comment(folder, head, output)
    if number is not None:
        click.echo(number)
    return 0
