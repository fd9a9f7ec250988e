"""A worker for candidates written in any language: `python -m trueto.workers.program FILE.toml`.

It stands between the harness, which speaks the worker protocol, and a program that speaks the contract of docs/any-language.md: the program
only samples, and asks this side for every answer of the network and every draw of noise. Needs numpy only. A program gets a
process of its own for every case; whatever it does wrong ends that process and is said in the answer.
"""

from __future__ import annotations

import base64
import binascii
import json
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from trueto.errors import TruetoError
from trueto.fixtures import network, schedule, start_noise, tape
from trueto.model import Case
from trueto.observe import LEVEL_KINDS, Probe
from trueto.workers.conversation import Conversation, Ended, TooMuchMemory
from trueto.workers.program_file import ProgramFile, read_program
from trueto.workers.protocol import VERSION, claim_to_json, write_observation
from trueto.workers.walls import Walls

__all__ = ["CONTRACT", "main"]

CONTRACT = 1
HELLO_SECONDS = 20.0
DTYPES = ("float32", "float64", "float16")
TAIL = 2000
SMALL = 1 << 16  # bytes of a line beside its tensors
TENSORS = 4  # a line has at most three tensors, and base64 takes 4/3 of their bytes

Array = np.ndarray[Any, np.dtype[Any]]


class Program:
    """The program of one file: started for a case, ended with it."""

    def __init__(self, file: ProgramFile) -> None:
        self.file = file
        self._walls = Walls()
        self._talk: Conversation | None = None
        self._key = ""
        self._hello: dict[str, Any] = {}

    def hello(self) -> dict[str, Any]:
        """Start the program and let it say its version and dtypes; Ended when it does not."""
        self.close()
        try:
            self._talk = Conversation(self.file.command, self.file.folder, self._walls)
        except OSError as error:
            raise Ended(f"cannot be started: {' '.join(self.file.command)}: {error.strerror}") from error
        said = self._talk.exchange({"op": "hello", "id": 0, "contract": CONTRACT}, time.monotonic() + HELLO_SECONDS, SMALL)
        if said.get("contract") != CONTRACT or said.get("id") != 0:
            raise Ended(f"garbage: it answers hello with contract {said.get('contract')!r}, expected {CONTRACT}")
        dtypes = said.get("dtypes")
        if not isinstance(said.get("version"), str) or not isinstance(dtypes, list) or not dtypes:
            raise Ended("garbage: it answers hello without a version (text) and dtypes (a list)")
        self._talk.settle()
        self._hello = said
        return said

    def run(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The reply to a run of the worker protocol."""
        case, profile = Case.from_json(request["case"]), request["profile"]
        dtype = "float64" if request["twin"] else profile["dtype"]
        key = json.dumps([request["claim"], request["case"]], sort_keys=True)
        try:
            if self._talk is None or key != self._key:
                self.hello()
                self._key = key
            assert self._talk is not None
            if why := self._cannot(request, dtype):
                return {"failed": why, "import": True}
            return _Sampling(request, case, dtype).held(self._talk)
        except TooMuchMemory:
            self.close()
            message = f"went over its memory limit of {request['limits']['bytes']:.0f} bytes"
            return {"error": {"type": "MemoryError", "message": message, "where": "", "own": True, "at_call": 0}}
        except Ended as ended:
            self.close()
            return {"died": ended.why}

    def _cannot(self, request: Mapping[str, Any], dtype: str) -> str:
        """Why a run is not asked for, or nothing."""
        if request["net"] not in ("open", "closed"):
            return "a program in another language draws no noise of its own that could be compared"
        if request["profile"]["device"] != "cpu" or request["profile"].get("flags"):
            return "a program in another language knows no profile but dtypes on the CPU"
        if dtype not in self._hello["dtypes"] or dtype not in DTYPES:
            return f"the program computes in {', '.join(map(str, self._hello['dtypes']))}, not in {dtype}"
        return ""

    def close(self) -> None:
        """End the process, if there is one."""
        if self._talk is not None:
            self._talk.close()
        self._talk, self._key = None, ""


class _Sampling:
    """One run: the request to the program, its questions, its result."""

    def __init__(self, request: Mapping[str, Any], case: Case, dtype: str) -> None:
        self.request, self.case, self.id = request, case, int(request["id"])
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self.levels = schedule(case.schedule)
        self.noise = tape(case.seed, case.shape)
        self.order: dict[int, int] = {}
        self.probe = Probe(network("open" if request["net"] == "open" else case.network, self.levels, case.parameterization))

    def held(self, talk: Conversation) -> dict[str, Any]:
        """Talk until the result is there; Ended or TooMuchMemory else."""
        limits = self.request["limits"]
        deadline = time.monotonic() + float(limits["seconds"])
        longest = SMALL + TENSORS * int(np.prod(self.case.shape)) * self.dtype.itemsize + 32 * (self.case.steps + 1)
        message = self._asked()
        while True:
            said = talk.exchange(message, deadline, longest, float(limits["bytes"]))
            if said.get("id") != self.id:
                raise Ended(f"garbage: it answered another request: id {said.get('id')!r} where {self.id} was asked")
            if "error" in said:
                told = str(said["error"])[:100], str(said.get("message", ""))[:500]
                return {"error": {"type": told[0], "message": told[1], "where": "", "own": True, "at_call": len(self.probe.told)}}
            if "ask" not in said:
                return self._finished(said)
            message = {"id": self.id, "value": _text(self._answer(said), self.dtype)}

    def _asked(self) -> dict[str, Any]:
        alphas = getattr(self.levels, "alphas_cumprod", None)
        case = {name: value for name, value in self.case.to_json().items() if name not in ("quick", "layers", "composed")}
        return {
            "op": "sample",
            "id": self.id,
            "implementation": self.request["claim"]["implementation"],
            "reference": self.request["claim"]["reference"],
            "case": case,
            "dtype": self.dtype.name,
            "noise": _text(start_noise(self.case.seed, self.case.shape), self.dtype),
            "alphas_cumprod": None if alphas is None else _text(alphas, np.dtype("<f8")),
        }

    def _answer(self, said: Mapping[str, Any]) -> Array:
        """What the network says, or the next recorded draw of a step."""
        step = said.get("step")
        if not isinstance(step, int) or isinstance(step, bool) or step < 0:
            raise Ended(f"garbage: step is {step!r}, expected a whole number")
        if said["ask"] == "noise":
            order = self.order.get(step, 0)
            self.order[step] = order + 1
            return self.noise.draw(step, order)
        if said["ask"] != "network":
            raise Ended(f"garbage: it asks for {said['ask']!r}, expected network or noise")
        branch = said.get("branch")
        marks = None if branch is None else np.full(self.case.shape[0], float(_number(branch, "branch")))
        time_told = np.asarray([_number(said.get("t"), "t")])
        return self.probe.run(self._tensor(said, "x"), time_told, step, marks)

    def _tensor(self, said: Mapping[str, Any], name: str) -> Array:
        """A tensor of the case's shape in the run's dtype."""
        try:
            raw = base64.b64decode(said[name], validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error):
            raise Ended(f"garbage: {name} is not a tensor in base64") from None
        wanted = int(np.prod(self.case.shape)) * self.dtype.itemsize
        if len(raw) != wanted:
            shape = " x ".join(map(str, self.case.shape))
            raise Ended(f"garbage: {name} has {len(raw)} bytes, expected {wanted}: {shape} numbers in {self.dtype.name}")
        return np.frombuffer(raw, self.dtype).reshape(self.case.shape).astype(self.dtype.newbyteorder("="))

    def _finished(self, said: Mapping[str, Any]) -> dict[str, Any]:
        levels, kind = said.get("levels"), said.get("level_kind")
        if not isinstance(levels, list) or not levels:
            raise Ended(f"garbage: its answer is neither a question, an error nor a result: it has {', '.join(said) or 'nothing'}")
        if kind not in LEVEL_KINDS:
            raise Ended(f"garbage: level_kind is {kind!r}, expected {', '.join(LEVEL_KINDS)}")
        table = np.asarray([_number(level, "levels") for level in levels], self.dtype.newbyteorder("="))
        seen = self.probe.observation(
            levels=table, level_kind=str(kind), start=self._tensor(said, "start"), sample=self._tensor(said, "sample")
        )
        write_observation(Path(self.request["output"]), seen)
        return {"below": "", "dtype": self.dtype.name, "settings": {"program": self.request["claim"]["implementation"]}}


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Ended(f"garbage: {name} has {value!r}, expected a number")
    return float(value)


def _text(values: Array, dtype: np.dtype[Any]) -> str:
    """A tensor as it travels: its bytes, row by row, little end first, in base64."""
    return base64.b64encode(np.ascontiguousarray(values, dtype).tobytes()).decode()


def _reply(program: Program, request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to one request of the worker protocol."""
    if request["op"] == "run":
        return program.run(request)
    try:
        said = program.hello()
    except Ended as ended:
        return {"failed": f"the program of {program.file.name} {_sentence(ended.why)}"}
    finally:
        program.close()
    if request["op"] == "load":
        return {"torch": "none", "cpu": "not asked", "cuda": False}
    if request["op"] != "describe":
        return {"failed": f"{request['op']} needs a candidate in Python", "import": True}
    claims = [claim_to_json(claim) for claim in program.file.claims]
    return {"candidate": program.file.name, "version": said["version"], "claims": claims, "no_claims": dict(program.file.no_claims)}


def _sentence(why: str) -> str:
    return f"does not answer: {why}" if why.startswith(("time-out", "garbage")) else why


def serve(spec: str, requests: Any, replies: Any) -> int:
    """Answer requests until the input ends."""
    program: Program | None = None
    try:
        for line in requests:
            request = json.loads(line)
            try:
                program = program or Program(read_program(Path(spec)))
                reply = _reply(program, request)
            except (TruetoError, OSError) as error:
                reply = {"failed": error.message if isinstance(error, TruetoError) else str(error)}
            except Exception as error:  # noqa: BLE001 - ours, and said as such
                reply = {"harness_error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()[-TAIL:]}
            replies.write(json.dumps({"protocol": VERSION, "id": request["id"], **reply}) + "\n")
            replies.flush()
    finally:
        if program is not None:
            program.close()
    return 0


def _leave(number: int, frame: object) -> NoReturn:  # noqa: ARG001 - the standard library's signature
    """End as if the input had ended, so that the program is ended too."""
    sys.exit(0)


def main() -> int:
    """Answer the harness on standard output, until the input ends or the harness says that it is enough."""
    signal.signal(signal.SIGTERM, _leave)
    return serve(sys.argv[1], sys.stdin, sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
