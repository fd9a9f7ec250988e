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
    from trueto.model import Cell, Claim, Judgement
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
        self.held = 0
        self.trouble = ""  # what trueto itself failed with, and where

    def begin(self) -> None:
        """Open the record and ask for every run."""
        from trueto.events import RunWriter

        header = self.gate.header(uuid.uuid4().hex[:12])  # takes a second, in which no file may lie there without it
        self._stream = self.record.open("w", encoding="utf-8")
        self.writer = RunWriter(self._stream)
        self.writer.header(**header)
        if self.listener is not None:
            self.listener(self.gate, None)
        self.gate.start()

    def judge(self, cell: Cell) -> Judgement:
        """Judge one cell and write it down."""
        if self.writer is None:
            self.begin()
        judgement = self.gate.judge(cell)
        self.judged += 1
        self._write([judgement])
        return judgement

    def hold(self, law: str, claim: Claim) -> Judgement | None:
        """Look for an X on which a law does not hold; what was judged is written down, the smallest such X, or one unjudged, last."""
        if self.writer is None:
            self.begin()
        judged, broken = self.gate.hold(law, claim)
        self.held += 1
        self._write([*judged, *([broken] if broken else [])])
        return broken

    def _write(self, judgements: list[Judgement]) -> None:
        assert self.writer is not None
        for judgement in judgements:
            self.writer.cell(judgement)
        if self.listener is not None:
            self.listener(self.gate, judgements[-1])

    def end(self) -> None:
        """Write the footer if every cell was judged; stop the workers in any case."""
        from trueto.running.circumstances import now
        from trueto.running.gate import exit_code

        search = self.gate.search
        whole = self.judged == len(self.gate.cells) and (search is None or self.held == len(search.asked))
        if self.writer is not None and whole:
            for name, reason in self.gate.unclaimed():
                self.writer.no_claim(name, reason)
            for name, why in {**self.gate.absent, **self.gate.skipped}.items():
                self.writer.note(f"profile {name}: {why}")
            for note in search.notes if search is not None else []:
                self.writer.note(note)
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

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Remember what pytest itself ended with."""
        self.session.trouble = self.session.trouble or f"{excinfo.typename}: {excinfo.value}"


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
    """One test a cell, for tests that ask for `cell`; the module's LAYER chooses which. One a claim for laws, which ask for `lawful`."""
    session = metafunc.config.stash.get(SESSION, None)
    if "lawful" in metafunc.fixturenames:
        law = metafunc.function.__name__.removeprefix("test_")
        asked = [] if session is None or session.gate.search is None else session.gate.search.asked
        claims = [claim for name, claim in asked if name == law]
        metafunc.parametrize("lawful", claims, ids=[claim.id for claim in claims])
    if "cell" not in metafunc.fixturenames:
        return
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


@pytest.fixture
def holds(request: pytest.FixtureRequest) -> Callable[[Claim], None]:
    """Look for an X that breaks the law of the test's name; fail with one screen about the smallest."""
    session = request.config.stash.get(SESSION, None)
    if session is None:
        pytest.skip("name a candidate: pytest --trueto-candidate diffusers suites/")
    law = request.function.__name__.removeprefix("test_")

    def hold(claim: Claim) -> None:
        from trueto.events import cell_record
        from trueto.running.gate import fails
        from trueto.running.screen import failure_screen

        broken = session.hold(law, claim)
        if broken is not None and (fails(broken.verdict, session.fail_on) or broken.verdict.unknown):
            pytest.fail(failure_screen(cell_record(broken)), pytrace=False)

    return hold


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Cells come in the order in which their runs are asked for, so that judging never waits for the last; laws come last."""
    session = config.stash.get(SESSION, None)
    places = {} if session is None else {id(cell): place for place, cell in enumerate(session.gate.cells)}

    def place(item: pytest.Item) -> tuple[bool, int]:
        given = getattr(item, "callspec", None)
        cell = given.params.get("cell") if given is not None else None
        return "holds" in getattr(item, "fixturenames", ()), places.get(id(cell), -1)

    items.sort(key=place)


def pytest_exception_interact(node: pytest.Item | pytest.Collector, call: pytest.CallInfo[Any]) -> None:
    """Remember the first exception that is no verdict, so that a gate without pytest's screens can say it."""
    found = node.config.stash.get(SESSION, None)
    if found is None or found.trouble or call.excinfo is None or isinstance(call.excinfo.value, pytest.fail.Exception):
        return
    at = call.excinfo.traceback[-1]
    found.trouble = f"{node.name}: {call.excinfo.typename}: {call.excinfo.value} ({Path(at.path).name}:{at.lineno + 1})"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Close the record."""
    found = session.config.stash.get(SESSION, None)
    if found is not None:
        found.end()
