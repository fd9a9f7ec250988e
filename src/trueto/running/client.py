"""The harness's side of the worker protocol: starting workers, time limits, and turning silence and garbage into data."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from trueto.candidates import check_spec, is_file, parted
from trueto.errors import DataError, TruetoError, WorkerError
from trueto.model import Case, Claim, Profile
from trueto.observe import Observation, StepError
from trueto.outputs import Outputs
from trueto.running.commits import is_commit
from trueto.running.forked import Forked, fork_of
from trueto.running.releases import release_folders, without, written_for
from trueto.settings import offline_environment
from trueto.workers.protocol import VERSION, claim_to_json, read_observation, read_outputs, run_request

__all__ = ["Limits", "Outcome", "Worker", "answered"]

GRACE = 10.0
GOODBYE = 2.0
# Large pages for the heap: a worker forks for every run, and copying page tables is most of what that costs.
FORKS = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", "PYTHONMALLOC": "malloc"}
DESCRIBE_SECONDS = 30.0
LOAD_SECONDS = 180.0
MAX_LINE = 1 << 22


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run of a candidate may take: wall seconds and bytes of memory beyond the loaded library."""

    seconds: float = 60.0
    bytes: int = 1 << 30

    def to_json(self) -> dict[str, float]:
        """As the request carries them."""
        return {"seconds": self.seconds, "bytes": self.bytes}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: an observation or named outputs, an exception of the candidate (`raised`), a death, or a harness failure."""

    observation: Observation | None
    raised: StepError | None = None
    died: str = ""
    failed: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    outputs: Outputs | None = None


class Worker:
    """One worker process of one candidate under one profile; restarted when it dies."""

    def __init__(self, spec: str, profile: Profile) -> None:
        self.spec, self.profile = spec, profile
        self._of_program = parted(spec)[0].endswith(".toml")
        self._number = 0
        self._process: subprocess.Popen[bytes] | Forked | None = None
        self._buffer = b""
        self._loaded: dict[str, Any] | None = None
        self._folder: Path | None = None
        self._closing, self._ended = threading.Lock(), False

    def describe(self) -> dict[str, Any]:
        """Name, version and claims, without importing the library; WorkerError when the adapter itself fails."""
        check_spec(self.spec)
        reply = self._ask({"op": "describe"}, DESCRIBE_SECONDS)
        asked = parted(self.spec)[1]
        if is_commit(asked) and "version" in reply:
            reply["version"] = asked  # many commits say that they are the same release
        if asked and reply.get("version", asked) != asked:
            raise WorkerError(f"{self.spec} was asked for, and version {reply['version']} answered", f"trueto env --again {self.spec}")
        if str(reply.get("failed", "")).startswith("PackageNotFoundError"):
            fix = "pip install ." if is_file(self.spec) else f"pip install 'trueto[{self.spec}]'"
            if (releases := written_for(self.spec)) and not asked:
                fix = f"trueto env {self.spec}=={releases[-1]}, then that name instead of {self.spec}"
            raise WorkerError(f"the library of candidate {self.spec} is not installed", fix)
        if "failed" in reply or "died" in reply:
            said = f"candidate {self.spec} cannot be read: {reply.get('failed') or reply['died']}"
            raise WorkerError(said, _what_to_correct(self.spec, str(reply.get("trace", ""))))
        return reply

    def fork(self) -> Worker:
        """One more worker: a fork of this one, with the library loaded, or where that cannot be one that starts by itself.

        Only before the first run. Whoever compiles may keep threads, which no fork has.
        """
        other = Worker(self.spec, self.profile)
        loaded = {"failed": ""} if self._of_program or self.profile.flags.get("compile") else self.load()
        if "failed" not in loaded and "died" not in loaded:
            other._process = fork_of(partial(self._ask, seconds=GRACE), other._own_folder())
            other._loaded = loaded if other._process is not None else None
        return other

    def load(self) -> dict[str, Any]:
        """Import the library once; the reply has `failed` when that raises."""
        if self._loaded is None:
            self._loaded = self._ask({"op": "load", "profile": self.profile.to_json()}, LOAD_SECONDS)
        return self._loaded

    def run(
        self,
        claim: Claim,
        case: Case,
        net: str,
        limits: Limits,
        *,
        twin: bool,
        fault: Mapping[str, Any] | None = None,
        flags: Mapping[str, Any] | None = None,
    ) -> Outcome:
        """One run of one case, with a seeded fault in place and more flags than the profile has, where they are given."""
        loaded = self.load()
        if "failed" in loaded or "died" in loaded:
            return Outcome(None, failed=f"cannot be imported: {loaded.get('failed') or loaded['died']}", meta={"import": True})
        self._number += 1
        send = partial(self._send, seconds=limits.seconds + GRACE)
        chosen, disk = self.profile.to_json(), self._own_folder()
        chosen = {**chosen, "flags": {**chosen["flags"], **(flags or {})}}
        return answered(send, self._number, claim, case, net, chosen, limits, twin=twin, fault=fault, disk=disk)

    def _own_folder(self) -> Path:
        """The worker's own folder, for what it and its candidate keep for a while; gone when it ends."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="trueto-worker-"))
        return self._folder

    def about_faults(self, op: str, claim: Claim, cases: Sequence[Case], limits: Limits, **more: Any) -> dict[str, Any]:
        """`reach` or `differs` over many cases, in the float64 twin where `twin` says so (docs/worker-protocol.md)."""
        loaded = self.load()
        if "failed" in loaded or "died" in loaded:
            return loaded
        told = {"claim": claim_to_json(claim), "cases": [case.to_json() for case in cases], "profile": self.profile.to_json()}
        return self._ask({"op": op, **told, "limits": limits.to_json(), **more}, limits.seconds + GRACE)

    def cpu_seconds(self) -> float:
        """CPU time of the worker and of those of its forks that have ended; 0 where the system does not tell."""
        with contextlib.suppress(OSError, AttributeError):
            assert self._process is not None
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
            return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
        return 0.0

    def close(self) -> None:
        """End the process and whatever it started, for good; another thread may be waiting for its answer."""
        self._ended = True
        self._drop()

    def _drop(self) -> None:
        """End the process; the next request starts another one."""
        with self._closing:
            process, self._process = self._process, None
            folder, self._folder = self._folder, None
            self._buffer, self._loaded = b"", None
        if isinstance(process, Forked):
            process.close()
        elif process is not None:
            self._end(process)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """End a worker and its session; a program has a session of its own, which only its worker can end."""
        if self._of_program:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=GOODBYE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _ask(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        self._number += 1
        return self._send({"protocol": VERSION, "id": self._number, **request}, seconds)

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {**offline_environment(), **FORKS, **self.profile.env, "TMPDIR": str(self._own_folder())}
        if self.profile.flags.get("compile"):  # what a compiler keeps, no other worker may meet
            environment["TORCHINDUCTOR_CACHE_DIR"] = str(self._own_folder() / "compiled")
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            environment[name] = str(self.profile.threads)
        command = [sys.executable, "-m", f"trueto.workers.{'program' if self._of_program else 'python'}", parted(self.spec)[0]]
        if folders := release_folders(self.spec):
            environment["PYTHONPATH"] = os.pathsep.join([*map(str, folders), *filter(None, [environment.get("PYTHONPATH")])])
            command += without(self.spec)
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, start_new_session=True
        )

    def _send(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Send a request and wait for the reply with its number; {"died": why} when there is none."""
        with self._closing:
            if self._ended:
                raise WorkerError("the worker was closed", "trueto doctor")
            process = self._process = self._process or self._start()
            assert process.stdin is not None
            assert process.stdout is not None
            heard = os.dup(process.stdout.fileno())  # `close` may close the stream's own, whose number is another file's then
        try:
            process.stdin.write((json.dumps(request) + "\n").encode())
            process.stdin.flush()
            line = self._read_line(heard, seconds)
        except TimeoutError:
            self._drop()
            return {"died": "time-out"}
        except (OSError, EOFError, ValueError):  # it ended, or `close` shut its streams from another thread
            status = process.wait()
            self._drop()
            return {"died": f"worker {_exit_words(status)}"}
        finally:
            os.close(heard)
        try:
            reply = json.loads(line)
        except ValueError:
            self._drop()
            return {"died": "garbage: its answer is not JSON"}
        if not isinstance(reply, dict) or reply.get("id") != request["id"] or reply.get("protocol") != VERSION:
            self._drop()
            return {"died": "garbage: its answer belongs to another request"}
        return reply

    def _read_line(self, descriptor: int, seconds: float) -> bytes:
        deadline = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or len(self._buffer) > MAX_LINE:
                raise TimeoutError
            if select.select([descriptor], [], [], left)[0]:
                chunk = os.read(descriptor, 1 << 16)
                if not chunk:
                    raise EOFError
                self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line


def answered(  # noqa: PLR0913 - every field of a request
    send: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    number: int,
    claim: Claim,
    case: Case,
    net: str,
    profile: Mapping[str, Any],
    limits: Limits,
    *,
    twin: bool,
    fault: Mapping[str, Any] | None = None,
    disk: Path | None = None,
) -> Outcome:
    """The outcome of one run that `send` asks for, whatever the answer is; `disk` is a folder for what is larger than memory."""
    # Outputs can be larger than memory: they lie on disk, and are read as they are looked at.
    folder = Path(tempfile.mkdtemp(prefix="trueto-", dir=disk if case.of_outputs else _memory_folder() or disk))
    try:
        output = folder / "run.safetensors"
        request = run_request(number, claim, case, net, profile, twin=twin, output=output, limits=limits.to_json(), fault=fault)
        return _outcome(send(request), output, of_outputs=case.of_outputs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _memory_folder() -> str | None:
    shared = "/dev/shm"  # noqa: S108 - a folder of our own is made in it, with a random name
    return shared if os.access(shared, os.W_OK) else None


def _what_to_correct(spec: str, trace: str) -> str:
    """What to type after an adapter failed: the last place of its own file in the traceback, where there is one."""
    if not is_file(spec):
        return "trueto list candidates"
    places = re.findall(rf'File "[^"]*{re.escape(Path(spec).name)}", line (\d+)', trace)
    return f"correct {spec}{f':{places[-1]}' if places else ''}, then trueto smoke {spec}"


def _exit_words(status: int | None) -> str:
    if status is None:
        return "ended"
    return f"died by {signal.Signals(-status).name}" if status < 0 else f"exited with status {status}"


def _outcome(reply: Mapping[str, Any], output: Path, *, of_outputs: bool) -> Outcome:
    if "died" in reply:
        return Outcome(None, died=str(reply["died"]))
    if "failed" in reply or "harness_error" in reply:
        return Outcome(None, failed=str(reply.get("failed") or reply["harness_error"]), meta=reply)
    if "error" in reply:
        return Outcome(None, raised=StepError(**reply["error"]), meta=reply)
    try:
        if of_outputs:
            return Outcome(None, outputs=read_outputs(output, reply), meta=reply)
        return Outcome(read_observation(output, None, reply), meta=reply)
    except (DataError, TruetoError) as error:
        return Outcome(None, died=f"garbage: {error.message}")
