"""Every error that trueto raises on purpose.

::

    TruetoError                 exit code 3 unless a subclass says otherwise
    ├── UsageError        (4)   a wrong name, option or file given by the user
    │   ├── UnknownName   (4)   a name that does not exist; the nearest one is suggested
    │   ├── LedgerError   (4)   a ledger that cannot be read as written
    │   └── SourceError   (4)   an original's source that is not the pinned one
    ├── NothingSelected   (5)   a selection that matches no cell
    ├── DataError         (2)   golden, fixture or run record missing, corrupt or foreign
    └── WorkerError       (2)   a worker process that could not be started at all

An error says what was seen, what was expected, where, and what to type next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "DataError",
    "LedgerError",
    "NothingSelected",
    "SourceError",
    "TruetoError",
    "UnknownName",
    "UsageError",
    "WorkerError",
]


class TruetoError(Exception):
    """Base of all errors raised on purpose; `hint` is the next thing to type."""

    exit_code = 3

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  try: {self.hint}" if self.hint else self.message


class UsageError(TruetoError):
    """The user gave something that cannot be used."""

    exit_code = 4


class UnknownName(UsageError):
    """A name that is not known; suggests the nearest one that is."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        options = sorted(known)
        near = difflib.get_close_matches(name, options, n=1, cutoff=0.4)
        listed = ", ".join(options[:12]) + (", …" if len(options) > 12 else "")
        suggestion = f"; did you mean '{near[0]}'?" if near else f"; known: {listed or 'none'}"
        super().__init__(f"unknown {kind} '{name}'{suggestion}", hint or "trueto list")


class LedgerError(UsageError):
    """A deviations.toml that cannot be read as it is written."""


class SourceError(UsageError):
    """The source given for an original is not the pinned one."""


class NothingSelected(TruetoError):
    """A selection that matches no cell: never green."""

    exit_code = 5


class DataError(TruetoError):
    """A golden, fixture or run record that is missing, corrupt or foreign."""

    exit_code = 2


class WorkerError(TruetoError):
    """A worker process that could not be started."""

    exit_code = 2
