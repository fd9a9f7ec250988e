"""Fixtures for the tests of trueto."""

import pytest
import support


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data root of this test's own, read by everything in this process and in processes started from it."""
    folder = support.copy_root(tmp_path / "root")
    monkeypatch.setenv("TRUETO_ROOT", str(folder))
    support.forget()
    yield folder
    monkeypatch.undo()
    support.forget()
