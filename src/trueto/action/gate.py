"""One gate in a workflow: run it with the guard up, write all reports, tell GitHub, and return the exit code."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trueto.action.guard import LABEL, Guard, look
from trueto.action.inputs import Inputs, read_inputs
from trueto.errors import DataError, TruetoError, UsageError
from trueto.events import RunRecord, read_run
from trueto.reports import SUMMARY_ROOM, render, to_annotations, to_markdown, write_site, write_text
from trueto.reports.baseline import compare, read_base
from trueto.reports.github import command
from trueto.reports.matrix import escape, plain

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FILES", "news_of", "proposal", "readable", "run_gate"]

FILES = {"junit": "junit.xml", "sarif": "trueto.sarif", "badge": "badge.json", "json": "run.json"}
VERDICTS = {0: "passed", 1: "failed", 2: "not judged", 3: "error", 4: "wrong usage", 5: "nothing selected"}
HIDDEN = ("GITHUB_", "ACTIONS_", "RUNNER_", "INPUT_", "TRUETO_CI_")
SECRET = re.compile(r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|CREDENTIALS?)(?:_|$)", re.IGNORECASE)
CLOSING = 64 * 1024  # of a summary, for what is proposed and what went wrong
SAID = 2000  # characters of an error message that a summary repeats


@dataclass(frozen=True, slots=True)
class _End:
    """How a gate ended: exit code, the word for it, what it said on standard error, and its record if there is one."""

    code: int
    verdict: str
    said: str
    run: RunRecord | None

    @property
    def judged(self) -> bool:
        """Whether it came to a judgement."""
        return self.run is not None and self.code <= 2


def run_gate(env: Mapping[str, str], echo: Callable[[str], None]) -> int:
    """The gate as inputs in the environment ask for it. Errors are told to GitHub before they are raised."""
    try:
        inputs = read_inputs(env)
        guard = look(inputs)
        out = _fresh(inputs)
    except TruetoError as error:
        echo(command("error", f"{error.message} (try: {error.hint})" if error.hint else error.message, title="trueto"))
        raise
    end = _judge(inputs, guard, out, echo)
    _reports(inputs, guard, end)
    _tell(inputs, guard, end, echo)
    return end.code


def _fresh(inputs: Inputs) -> Path:
    """The output folder, empty: what a request has put there must not pass for a report."""
    out, base = inputs.output, _base(inputs)
    if base is not None and base.is_relative_to(out):
        raise UsageError(f"the baseline {inputs.given['baseline']} lies in the output folder, which is emptied", "baseline: base/run.jsonl")
    if out.exists():
        if not out.is_dir() or (any(out.iterdir()) and not (out / "result.json").is_file()):
            raise UsageError(f"output is {inputs.given['output']}, a folder with other things than reports in it", "output: trueto-report")
        shutil.rmtree(out)
    out.mkdir(parents=True)
    return out


def _clean(env: Mapping[str, str]) -> dict[str, str]:
    """The environment without what speaks to GitHub: neither the gate nor a candidate has a use for it."""
    return {k: v for k, v in env.items() if not k.startswith(HIDDEN) and not SECRET.search(k)}


def _judge(inputs: Inputs, guard: Guard, out: Path, echo: Callable[[str], None]) -> _End:
    """Run the gate. Whatever is printed meanwhile is no command for GitHub."""
    words = [sys.executable, "-P", "-m", "trueto", "gate", guard.spec, *inputs.arguments(), f"--record={out / 'run.jsonl'}"]
    token = secrets.token_hex(16)
    echo(f"::stop-commands::{token}")
    try:
        with guard.put_back(), tempfile.TemporaryFile() as errors:
            with subprocess.Popen(words, cwd=inputs.root, env=_clean(inputs.env), stdout=subprocess.PIPE, stderr=errors) as process:
                for line in process.stdout or ():
                    echo(line.decode("utf-8", "replace").rstrip("\n"))
            errors.seek(0)
            said = errors.read().decode("utf-8", "replace")
        echo(said.rstrip("\n"))
    finally:
        echo(f"::{token}::")
    run = readable(out / "run.jsonl")
    code = process.returncode if process.returncode in VERDICTS else 3
    if process.returncode < 0:
        said += f"\nthe gate was ended by signal {-process.returncode}"
    if run is None and code < 2:
        code, said = 3, f"{said}\nthe gate left no record that can be read"
    return _End(1, "proposed", said, run) if guard.red and code == 0 else _End(code, VERDICTS[code], said, run)


def readable(record: Path) -> RunRecord | None:
    """A run record; None where there is none: a gate that ends before its first cell leaves an empty one, a killed one half a line."""
    try:
        return read_run(record)
    except DataError:
        return None


def proposal(proposed: list[str] | tuple[str, ...], digest: str, *, approved: bool) -> str:
    """What the request changes of the settings that it is judged by, as Markdown."""
    if not proposed:
        return ""
    names = ", ".join(escape(name, 200) for name in proposed[:40]) + (", …" if len(proposed) > 40 else "")
    if approved:
        return f"> [!NOTE]\n> Approved, and used for this judgement: {names}.\n\n"
    return (
        f"> [!CAUTION]\n> **proposed**: this request changes what it is judged by: {names}. It was judged by those of the "
        f"merge base, where there are any, and stays red until somebody who may triage sets the label `{escape(LABEL + digest)}`.\n\n"
    )


def news_of(run: RunRecord, base: Path | None) -> str:
    """What is new against a baseline, as Markdown; nothing without one."""
    return compare(run, read_base(base)).markdown() if base is not None and run.complete else ""


def _base(inputs: Inputs) -> Path | None:
    return inputs.root / inputs.given["baseline"] if inputs.given["baseline"] else None


def _reports(inputs: Inputs, guard: Guard, end: _End) -> None:
    """All files of the output folder, and the job summary."""
    out, run = inputs.output, end.run
    begin = proposal(guard.proposed, guard.digest, approved=guard.approved)
    if not end.judged:
        begin += f"**trueto: {end.verdict} (exit code {end.code}).** {escape(end.said.strip()[-SAID:], SAID)}\n\n"
    whole = begin
    if run is not None:
        begin += _news(inputs, run)
        whole = begin + to_markdown(run, room=SUMMARY_ROOM - max(CLOSING, len(begin.encode())) - CLOSING, most=None)
        for form, name in FILES.items():
            write_text(out / name, render(run, form) + "\n")
        if inputs.comment:
            write_text(out / "comment.md", begin + to_markdown(run))
        write_site(run.path, out / "site")
        if (base := _base(inputs)) and base.is_file():
            shutil.copyfile(base, out / "base.jsonl")
    write_text(out / "summary.md", whole)
    write_text(out / "result.json", json.dumps(_result(inputs, guard, end), indent=1) + "\n")
    if target := inputs.env.get("GITHUB_STEP_SUMMARY"):
        with Path(target).open("a", encoding="utf-8") as stream:
            stream.write(whole)


def _news(inputs: Inputs, run: RunRecord) -> str:
    try:
        return news_of(run, _base(inputs))
    except TruetoError as error:  # the gate has said so, and its exit code stands
        return f"**{escape(error.message)}**\n\n"


def _result(inputs: Inputs, guard: Guard, end: _End) -> dict[str, Any]:
    """result.json: what another workflow reads, and believes nothing of."""
    request = inputs.request or {}
    return {
        "schema": 1,
        "verdict": end.verdict,
        "exit_code": end.code,
        "counts": dict(end.run.counts) if end.run is not None else {},
        "proposed": list(guard.proposed),
        "comment": inputs.comment,
        "digest": guard.digest,
        "approved": guard.approved,
        "number": request.get("number"),
        "head": (request.get("head") or {}).get("sha"),
    }


def _tell(inputs: Inputs, guard: Guard, end: _End, echo: Callable[[str], None]) -> None:
    """Outputs and annotations."""
    outputs = {
        "verdict": end.verdict,
        "exit-code": str(end.code),
        "counts": json.dumps(dict(end.run.counts) if end.run is not None else {}),
        "report": inputs.given["output"],
        "badge": f"{inputs.given['output']}/{FILES['badge']}" if end.run is not None else "",
    }
    if target := inputs.env.get("GITHUB_OUTPUT"):
        with Path(target).open("a", encoding="utf-8") as stream:
            for name, value in outputs.items():
                mark = secrets.token_hex(16)
                stream.write(f"{name}<<{mark}\n{plain(value, 4000)}\n{mark}\n")
    if guard.red:
        echo(command("error", f"proposed, and red until approved: {', '.join(guard.proposed)} ({LABEL}{guard.digest})", title="trueto"))
    if end.run is None or not end.judged:
        echo(command("error", f"{end.verdict}: {end.said.strip()[-SAID:]}", title="trueto"))
    else:
        for line in to_annotations(_new(inputs, end.run), inputs.root).splitlines()[: 9 if guard.red else 10]:
            echo(line)
    echo(f"trueto: {end.verdict}, exit code {end.code}; reports in {inputs.given['output']}")


def _new(inputs: Inputs, run: RunRecord) -> RunRecord:
    """Only the cells that are new against the baseline, where there is one."""
    base = _base(inputs)
    if base is None:
        return run
    try:
        news = compare(run, read_base(base)).news
    except TruetoError:
        return run
    unknown = [cell for cell in run.cells if cell["verdict"] in ("unjudged", "disputed") and cell not in news.cells]
    return replace(news, cells=[*news.cells, *unknown])
