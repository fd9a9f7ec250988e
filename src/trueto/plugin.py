"""The pytest plugin: suites/ parametrised with the cells of a candidate, judged, and written to one run record.

`trueto gate` runs exactly this; `pytest --trueto-candidate diffusers suites/` does the same inside a library's own tests.
Loading the plugin imports neither torch nor any candidate.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from trueto.settings import GATE_OPTIONS

if TYPE_CHECKING:
    from trueto.events import RunWriter
    from trueto.model import Cell, Judgement
    from trueto.running.gate import Gate

__all__ = ["GateSession", "Given", "Listener"]

Listener = Callable[["Gate", "Judgement | None"], None]
SESSION = pytest.StashKey["GateSession"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of `trueto gate`, from the same table."""
    group = parser.getgroup("trueto", "is this library still true to the original?")
    group.addoption("--trueto-candidate", metavar="NAME", help="the library to judge, by name or by the path of an adapter")
    group.addoption("--trueto-record", metavar="FILE", help="where to write the run record (JSON lines)")
    for option in GATE_OPTIONS:
        flags: dict[str, Any] = {"help": option.help, "default": option.default}
        if option.flag:
            flags.update(action="store_true", default=False)
        elif option.multiple:
            flags.update(action="append", default=[], metavar=option.metavar or None)
        else:
            flags.update(metavar=option.metavar or None)
        if option.choices:
            flags["choices"] = option.choices
            flags.pop("metavar", None)
        group.addoption(f"--trueto-{option.name}", **flags)


class GateSession:
    """A gate inside one pytest session."""

    def __init__(self, gate: Gate, record: Path, fail_on: str, listener: Listener | None) -> None:
        self.gate, self.record, self.fail_on = gate, record, fail_on
        self.listener = listener
        self.writer: RunWriter | None = None
        self.exit_code = 3
        self._stream: Any = None
        self.judged = 0

    def begin(self) -> None:
        """Open the record and ask for every run."""
        from trueto.events import RunWriter

        self._stream = self.record.open("w", encoding="utf-8")
        self.writer = RunWriter(self._stream)
        self.writer.header(**self.gate.header(uuid.uuid4().hex[:12]))
        if self.listener is not None:
            self.listener(self.gate, None)
        self.gate.start()

    def judge(self, cell: Cell) -> Judgement:
        """Judge one cell and write it down."""
        if self.writer is None:
            self.begin()
        assert self.writer is not None
        judgement = self.gate.judge(cell)
        self.writer.cell(judgement)
        self.judged += 1
        if self.listener is not None:
            self.listener(self.gate, judgement)
        return judgement

    def end(self) -> None:
        """Write the footer if every cell was judged; stop the workers in any case."""
        from trueto.running.gate import exit_code, now

        if self.writer is not None and self.judged == len(self.gate.cells):
            for name, reason in self.gate.unclaimed():
                self.writer.no_claim(name, reason)
            for name, why in {**self.gate.absent, **self.gate.skipped}.items():
                self.writer.note(f"profile {name}: {why}")
            self.exit_code = exit_code(self.writer.counts, self.fail_on)
            self.writer.footer(finished=now(), exit_code=self.exit_code)
        if self._stream is not None:
            self._stream.close()
        self.gate.close()


def _gate_session(config: pytest.Config) -> GateSession:
    from trueto.running.entry import open_gate

    chosen = {option.name: config.getoption(f"--trueto-{option.name}") for option in GATE_OPTIONS}
    gate, record = open_gate(str(config.getoption("--trueto-candidate")), chosen, config.getoption("--trueto-record"))
    return GateSession(gate, record, str(chosen["fail-on"]), None)


class Given:
    """A pytest plugin that hands an already opened gate to the session (how `trueto gate` runs)."""

    def __init__(self, session: GateSession) -> None:
        self.session = session

    def pytest_configure(self, config: pytest.Config) -> None:
        """Put the session where the tests look for it."""
        config.stash[SESSION] = self.session


def pytest_configure(config: pytest.Config) -> None:
    """Plan the cells when a candidate is named; a mistake of the user ends here with its own words."""
    if not config.getoption("--trueto-candidate", default=None):
        return
    from trueto.errors import TruetoError

    try:
        config.stash[SESSION] = _gate_session(config)
    except TruetoError as error:
        pytest.exit(f"trueto: {error}", returncode=error.exit_code)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a cell, for tests that ask for `cell`; the module's LAYER chooses which."""
    if "cell" not in metafunc.fixturenames:
        return
    session = metafunc.config.stash.get(SESSION, None)
    layer = getattr(metafunc.module, "LAYER", None)
    cells = [] if session is None else [cell for cell in session.gate.cells if cell.layer == layer]
    names = [f"{cell.claim.id}:{cell.case.id}" + ("" if cell.profile == "default" else f":{cell.profile}") for cell in cells]
    metafunc.parametrize("cell", cells, ids=names)


@pytest.fixture
def judged(request: pytest.FixtureRequest) -> Callable[[Cell], None]:
    """Judge a cell; fail with one screen when the gate would, and when nothing could be said."""
    session = request.config.stash.get(SESSION, None)
    if session is None:
        pytest.skip("name a candidate: pytest --trueto-candidate diffusers suites/")

    def judge(cell: Cell) -> None:
        from trueto.events import cell_record
        from trueto.running.gate import fails
        from trueto.running.screen import failure_screen

        judgement = session.judge(cell)
        if fails(judgement.verdict, session.fail_on) or judgement.verdict.unknown:
            pytest.fail(failure_screen(cell_record(judgement)), pytrace=False)

    return judge


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Close the record."""
    found = session.config.stash.get(SESSION, None)
    if found is not None:
        found.end()
