"""Both ends of two pipes: whatever a program does with its own, the harness neither waits beyond its deadline nor is busy meanwhile."""

import select
import time
from types import SimpleNamespace

import pytest

from trueto.workers import conversation
from trueto.workers.conversation import SLICE, Conversation, Ended


def test_program_that_does_not_read(tmp_path):
    """A message longer than a pipe holds does not wait for a program that never reads it."""
    talk = Conversation(["sleep", "60"], tmp_path)
    began = time.monotonic()
    try:
        with pytest.raises(Ended, match="time-out"):
            talk.exchange({"x": "0" * (1 << 20)}, time.monotonic() + 0.3, 1000)
    finally:
        talk.close()
    assert time.monotonic() - began < 3


@pytest.fixture
def looks(monkeypatch):
    """Every look at the pipes, as it is taken."""
    found = []

    def look(*asked):
        found.append(asked)
        return select.select(*asked)

    monkeypatch.setattr(conversation, "select", SimpleNamespace(select=look))
    return found


def test_a_program_that_closes_its_standard_error_is_waited_for(tmp_path, looks):
    """An end that is always ready is looked at once: there are no more looks than slices of time, and the answer is heard."""
    talk = Conversation(["sh", "-c", "echo broken >&2; exec 2>&-; read line; sleep 1; echo '{\"fine\": true}'; sleep 60"], tmp_path)
    began = time.monotonic()
    try:
        assert {"fine": True} == talk.exchange({}, began + 60, 1000)
    finally:
        talk.close()
    assert len(looks) < 10 + (time.monotonic() - began) / SLICE


def test_what_a_program_said_before_it_closed_its_standard_error_is_told(tmp_path):
    """Its last words are those of the error with which it ends."""
    talk = Conversation(["sh", "-c", "echo 'Error: no model' >&2; exec 2>&-; read line; sleep 0.3; exit 3"], tmp_path)
    try:
        with pytest.raises(Ended, match="exited with status 3: Error: no model"):
            talk.exchange({}, time.monotonic() + 60, 1000)
    finally:
        talk.close()
