"""What a record.py may use beside the original: parts of packages that are installed, and who an error belongs to."""

import importlib
import sys
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

from trueto.errors import DataError  # noqa: E402 - after the check that torch is there
from trueto.recording.harness import as_users_do, needed, parts_of  # noqa: E402
from trueto.recording.process import _starts_in  # noqa: E402

REF = SimpleNamespace(codebase=SimpleNamespace(files=["clip/clip.py"]))
PACKAGE = "trueto_toy_vision"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package in version 1.2, compiled for another torch: its __init__ raises, one of its modules needs nothing compiled."""
    (tmp_path / PACKAGE).mkdir()
    (tmp_path / PACKAGE / "__init__.py").write_text("raise RuntimeError('compiled for another torch')\n")
    (tmp_path / PACKAGE / "transforms.py").write_text("def turned(x):\n    return -x\n")
    (tmp_path / f"{PACKAGE}-1.2.dist-info").mkdir()
    (tmp_path / f"{PACKAGE}-1.2.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.2+cpu\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def test_a_part_of_a_package_is_used_without_the_rest(installed):
    """Its module can be imported, which it cannot otherwise."""
    with pytest.raises(RuntimeError, match="compiled for another torch"):
        importlib.import_module(f"{PACKAGE}.transforms")
    assert parts_of(PACKAGE, "1.2")
    assert -3 == importlib.import_module(f"{PACKAGE}.transforms").turned(3)


def test_another_version_or_none_is_not_used(installed):
    """Then nothing of it becomes importable, and what is missing is said with what installs it."""
    assert (False, False) == (parts_of(PACKAGE, "1.3"), parts_of("trueto_absent", "1.2"))
    assert PACKAGE not in sys.modules
    with pytest.raises(DataError) as said:
        raise needed(PACKAGE, "1.3")
    assert f"{PACKAGE} 1.3 is not installed, a part of which the original calls here" == said.value.message
    assert said.value.hint.startswith(f"pip install --no-deps --target DIR {PACKAGE}==1.3, then")


def test_what_an_original_is_made_of_raises_for_it():
    """An error of a package is a mistake of the recording, unless the original put the package's parts together."""

    def caught(*call):
        try:
            call[0](*call[1:])
        except (ZeroDivisionError, torch.linalg.LinAlgError) as error:
            return error
        raise AssertionError("it returned")

    assert "harness.py: as_users_do" == _starts_in(REF, caught(as_users_do, torch.linalg.inv, torch.zeros(2, 2)))
    for mistake in (caught(torch.linalg.inv, torch.zeros(2, 2)), caught(lambda: 1 / 0)):
        with pytest.raises(type(mistake)):
            _starts_in(REF, mistake)
