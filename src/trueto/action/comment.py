"""The comment on a pull request: made where a token may write, of an artifact that a stranger's code has made. Nothing of it is believed.

Only numbers and words of the run record reach the comment, each escaped, by this installation's own code; text that the artifact brings
along is not used. The number of the request is only a proposal: the workflow asks GitHub whether its head is the judged commit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trueto.action.gate import news_of, proposal, readable
from trueto.action.guard import DIGITS
from trueto.action.inputs import SHA
from trueto.errors import DataError, UsageError
from trueto.reports import to_markdown, write_text

__all__ = ["make_comment"]

MOST_BYTES = {"result.json": 256 * 1024, "run.jsonl": 64 * 1024 * 1024, "base.jsonl": 64 * 1024 * 1024}
MOST_NUMBER = 10**9
HINT = "the artifact of `trueto ci gate`, downloaded into this folder"
MARK = "<!-- trueto -->\n"


def make_comment(folder: Path, head: str, target: Path) -> int | None:
    """Write the comment for the commit `head` to `target`, and return the number of the pull request that the artifact names.

    None, and nothing is written, where the gate was told to leave the request without one. DataError for whatever is not exactly an
    artifact of that commit.
    """
    if not SHA.fullmatch(head):
        raise UsageError(f"the judged commit is '{head}', which is no commit", "--head ${{ github.event.workflow_run.head_sha }}")
    result = _result(_plain_file(folder, "result.json"))
    if result["head"] != head:
        raise DataError(f"the artifact is of commit {result['head']}, and the workflow judged {head}", HINT)
    if not result["comment"]:
        return None
    begin = MARK + proposal(result["proposed"], result["digest"], approved=result["approved"])
    run = readable(_plain_file(folder, "run.jsonl")) if (folder / "run.jsonl").exists() else None
    if run is None:
        write_text(target, f"{begin}**trueto could not judge this request: the log of its job says why.**\n")
        return result["number"]
    base = _plain_file(folder, "base.jsonl") if (folder / "base.jsonl").exists() else None
    if not run.complete:
        begin += "**trueto did not finish.**\n\n"
    write_text(target, begin + news_of(run, base) + to_markdown(run))
    return result["number"]


def _plain_file(folder: Path, name: str) -> Path:
    """A file of the artifact, after making sure that it is a plain one of a sensible size."""
    path = folder / name
    if folder.is_symlink() or path.is_symlink() or not path.is_file():
        raise DataError(f"{path} is missing, or no plain file", HINT)
    if (size := path.stat().st_size) > MOST_BYTES[name]:
        raise DataError(f"{path} has {size:,} bytes; at most {MOST_BYTES[name]:,} are read", HINT)
    return path


def _result(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON", HINT) from error
    fine = (
        isinstance(found, dict)
        and found.get("schema") == 1
        and type(found.get("number")) is int
        and 0 < found["number"] < MOST_NUMBER
        and isinstance(found.get("head"), str)
        and bool(SHA.fullmatch(found["head"]))
        and isinstance(found.get("proposed"), list)
        and all(isinstance(name, str) for name in found["proposed"])
        and isinstance(found.get("digest"), str)
        and (not found["digest"] or (len(found["digest"]) == DIGITS and set(found["digest"]) <= set("0123456789abcdef")))
        and all(isinstance(found.get(name), bool) for name in ("approved", "comment"))
    )
    if not fine:
        raise DataError(f"{path} is not what `trueto ci gate` writes on a pull request", HINT)
    return found
