"""A worker for candidates written in Python: `python -m trueto.workers.python CANDIDATE [MODULE]...`.

Each MODULE is one that the candidate must not find: an old release does not run beside a new version of what it could use.

The library is imported once; runs happen in forks (trueto.workers.rooms and halls), so that nothing that a candidate prints, patches,
reseeds or leaks reaches another cell. A fork has limits of time and memory, and its standard output is not the protocol's.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import socket
import sys
import tempfile
import traceback
from collections.abc import Generator, Mapping
from typing import Any

from trueto.candidates import Adapter, load_candidate
from trueto.model import Claim
from trueto.workers.halls import Halls
from trueto.workers.protocol import VERSION, claim_from_json, claim_to_json
from trueto.workers.rooms import TAIL

__all__ = ["main"]


def _describe(adapter: Adapter) -> dict[str, Any]:
    return {
        "candidate": adapter.name,
        "version": adapter.version(),
        "claims": [claim_to_json(claim) for claim in adapter.claims],
        "no_claims": dict(adapter.no_claims),
    }


def _load(adapter: Adapter, profile: Mapping[str, Any]) -> dict[str, Any]:
    with _kept():
        import torch

        torch.set_num_threads(1)
        flags = profile.get("flags", {})
        if flags.get("onednn") is False:
            torch.backends.mkldnn.enabled = False
        adapter.load()
        _warm(adapter)
    lacks = getattr(adapter, "lacks", None)
    missing = {} if lacks is None else {claim.id: why for claim in adapter.claims if (why := lacks(claim))}
    found = {"torch": str(torch.__version__), "cpu": torch.backends.cpu.get_cpu_capability(), "cuda": torch.cuda.is_available()}
    return {**found, "lacks": missing}


@contextlib.contextmanager
def _kept() -> Generator[None]:
    """What is loaded here stays: the collector looks for none of it meanwhile, which would take long, nor later in any fork."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _warm(adapter: Adapter) -> None:
    """Import, read and look up once what every fork needs."""
    importlib.import_module("trueto.workers.faulty")
    importlib.import_module("trueto.workers.run").warm(adapter)


def _unprepared(adapter: Adapter, claim: Claim, prepared: set[str]) -> dict[str, Any]:
    """Import once what one claim needs beyond `load`, so that its forks need not; what to reply where that fails."""
    prepare, lacks = getattr(adapter, "prepare", None), getattr(adapter, "lacks", None)
    if claim.id in prepared:
        return {}
    loaded = len(sys.modules)
    try:
        if lacks is not None and (why := lacks(claim)):
            return {"failed": why, "import": True}
        if prepare is not None:
            with _kept():
                prepare(claim)
                if len(sys.modules) > loaded:  # what is new is looked through once here, and not in every fork
                    _warm(adapter)
    except Exception as error:  # noqa: BLE001 - whatever an import raises is data
        said = f"cannot be imported: {type(error).__name__}: {error}"
        return {"failed": said, "import": True, "trace": traceback.format_exc()[-TAIL:]}
    prepared.add(claim.id)
    return {}


def _fork(adapter: Adapter, request: Mapping[str, Any], replies: Any) -> int:
    """Fork, for as long as nothing has run: the fork has the library loaded, and answers at a socket. Its number."""
    if (child := os.fork()) != 0:
        return child
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for ours in (0, replies.fileno()):  # requests and replies of the process that it was
            os.dup2(nothing, ours)
        os.environ["TMPDIR"], tempfile.tempdir = request["folder"], None
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(request["socket"])
            with link.makefile("r") as requests, link.makefile("w") as answers:
                serve("", requests, answers, adapter)
    finally:
        os._exit(0)


def serve(spec: str, requests: Any, replies: Any, adapter: Adapter | None = None) -> int:
    """Answer requests until the input ends."""
    halls: Halls | None = None
    prepared: set[str] = set()
    for line in requests:
        request = json.loads(line)
        reply: dict[str, Any]
        try:
            adapter = adapter or load_candidate(spec)
            if request["op"] == "describe":
                reply = _describe(adapter)
            elif request["op"] == "load":
                reply = _load(adapter, request["profile"])
            elif request["op"] == "fork":
                reply = {"failed": "it has run already"} if halls else {"forked": _fork(adapter, request, replies)}
            else:
                claim = claim_from_json(request["claim"])
                halls = halls or Halls(adapter, replies.fileno())
                reply = _unprepared(adapter, claim, prepared) or halls.run(request)
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
    hidden: dict[str, Any] = dict.fromkeys(sys.argv[2:])
    sys.modules.update(hidden)  # None there means: cannot be imported
    return serve(sys.argv[1], sys.stdin, replies)


if __name__ == "__main__":
    sys.exit(main())
