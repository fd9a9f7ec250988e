"""What releases computed: one small record a release, read as time lines and as the changes between releases (docs/history.md)."""

from trueto.history.changes import SIZES, Change, changes, changes_between, comparable, far, first_part, said
from trueto.history.control import environments, said_of_control, stood_on
from trueto.history.records import (
    Release,
    is_release,
    newest_first,
    read_history,
    read_release,
    release_file,
    release_run,
    with_header,
    write_release,
)
from trueto.history.steps import original_by_step

__all__ = [
    "SIZES",
    "Change",
    "Release",
    "changes",
    "changes_between",
    "comparable",
    "environments",
    "far",
    "first_part",
    "is_release",
    "newest_first",
    "original_by_step",
    "read_history",
    "read_release",
    "release_file",
    "release_run",
    "said",
    "said_of_control",
    "stood_on",
    "with_header",
    "write_release",
]
