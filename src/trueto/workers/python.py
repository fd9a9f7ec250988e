"""A worker for candidates written in Python: `python -m trueto.workers.python CANDIDATE`.

The library is imported once; every run happens in a fork of its own, so that nothing that a candidate prints, patches,
reseeds or leaks reaches another cell. The fork has limits of time and memory, and its standard output is not the protocol's.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trueto.candidates import Adapter, load_candidate
from trueto.errors import TruetoError
from trueto.workers.protocol import VERSION, claim_from_json, claim_to_json
from trueto.workers.rooms import Rooms

__all__ = ["main"]

TAIL = 2000


def _describe(adapter: Adapter) -> dict[str, Any]:
    return {
        "candidate": adapter.name,
        "version": adapter.version(),
        "claims": [claim_to_json(claim) for claim in adapter.claims],
        "no_claims": dict(adapter.no_claims),
    }


def _load(adapter: Adapter, profile: Mapping[str, Any]) -> dict[str, Any]:
    import torch

    torch.set_num_threads(1)
    flags = profile.get("flags", {})
    if flags.get("onednn") is False:
        torch.backends.mkldnn.enabled = False
    adapter.load()
    _warm()
    return {"torch": str(torch.__version__), "cpu": torch.backends.cpu.get_cpu_capability(), "cuda": torch.cuda.is_available()}


def _warm() -> None:
    """Import and read once what every fork needs, and keep the collector from touching (and so copying) it in each of them."""
    from trueto.fixtures.source import FAMILIES, family_tensors

    importlib.import_module("trueto.workers.run")

    with contextlib.suppress(TruetoError):  # the run that needs the fixture says what is wrong with it
        for family in FAMILIES:
            family_tensors(family)
    gc.collect()
    gc.freeze()


def _child(adapter: Adapter, request: Mapping[str, Any], reply: int, protocol: int, built: Any) -> None:
    """The fork: limits, the run, the reply on a pipe; never returns."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for ours in (0, protocol):  # the harness's requests and replies are not a candidate's to read and write
        os.dup2(nothing, ours)
    limits = request["limits"]
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    ceiling = used + int(limits["bytes"])
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from trueto.workers.run import run_case

    try:
        answer = run_case(adapter, request, built)
    except MemoryError:
        answer = {"error": {"type": "MemoryError", "message": "went over its memory limit", "where": "", "own": True, "at_call": 0}}
    except BaseException as error:  # noqa: BLE001 - the harness itself failed: said as such, never as the candidate's fault
        answer = {"harness_error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()[-TAIL:]}
    with os.fdopen(reply, "w") as stream:
        stream.write(json.dumps({**answer, "id": request["id"]}) + "\n")
    os._exit(0)


def _wait(child: int, pipe: int, seconds: float) -> tuple[bytes, str]:
    """The line that the fork wrote, and how it ended: ok, time-out, or the signal or status it died with.

    The line ends the wait: children that the fork left behind may hold the pipe open for as long as they like.
    """
    chunks: list[bytes] = []
    deadline = time.monotonic() + seconds
    ended = "time-out"
    while (left := deadline - time.monotonic()) > 0:
        ready, _, _ = select.select([pipe], [], [], left)
        if not ready:
            break
        chunk = os.read(pipe, 1 << 16)
        if not chunk:
            ended = "ok"
            break
        chunks.append(chunk)
        if chunk.endswith(b"\n"):
            ended = "answered"
            break
    if ended != "ok":  # after its answer nothing that the fork does is of interest
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)  # whatever it forked
    if ended == "ok" and os.WIFSIGNALED(status):
        ended = f"died by {signal.Signals(os.WTERMSIG(status)).name}"
    elif ended == "ok" and os.waitstatus_to_exitcode(status) != 0:
        ended = f"exited with status {os.waitstatus_to_exitcode(status)}"
    return b"".join(chunks), "ok" if ended == "answered" else ended


def _run(adapter: Adapter, request: Mapping[str, Any], protocol: int, built: Any = None) -> dict[str, Any]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _child(adapter, request, writer, protocol, built)
    os.close(writer)
    payload, ended = _wait(child, reader, float(request["limits"]["seconds"]))
    os.close(reader)
    if ended != "ok":
        return {"died": ended}
    try:
        answer = json.loads(payload)
        mine = answer.pop("id", None) == request["id"]
    except (ValueError, AttributeError):
        return {"died": "garbage: its answer is not what was agreed" if payload else "ended without an answer"}
    return answer if mine else {"died": "garbage: it answered another request"}


def _rooms(adapter: Adapter, protocol: int) -> Rooms | None:
    """Rooms for adapters that can build their object apart from running it."""
    if not hasattr(adapter, "build"):
        return None
    from trueto.workers.run import build_for

    return Rooms(lambda request: build_for(adapter, request), lambda request, built: _run(adapter, request, protocol, built))


def serve(spec: str, requests: Any, replies: Any) -> int:
    """Answer requests until the input ends."""
    adapter: Adapter | None = None
    rooms: Rooms | None = None
    for line in requests:
        request = json.loads(line)
        reply: dict[str, Any]
        try:
            adapter = adapter or load_candidate(spec)
            if request["op"] == "describe":
                reply = _describe(adapter)
            elif request["op"] == "load":
                reply = _load(adapter, request["profile"])
            else:
                claim_from_json(request["claim"])
                rooms = rooms or _rooms(adapter, replies.fileno())
                reply = _run(adapter, request, replies.fileno()) if rooms is None else rooms.run(request)
        except BaseException as error:  # noqa: BLE001 - any failure of a candidate is data
            reply = {"failed": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()[-TAIL:]}
        replies.write(json.dumps({"protocol": VERSION, "id": request["id"], **reply}) + "\n")
        replies.flush()
    return 0


def main() -> int:
    """Keep the protocol's output to ourselves; candidates print to standard error."""
    replies = os.fdopen(os.dup(1), "w")
    os.set_inheritable(replies.fileno(), False)  # noqa: FBT003 - the standard library's signature
    os.dup2(2, 1)
    return serve(sys.argv[1], sys.stdin, replies)


if __name__ == "__main__":
    sys.exit(main())
