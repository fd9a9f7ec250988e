"""What releases computed: one small record a release, read as time lines and as the changes between releases (docs/history.md)."""

from trueto.history.changes import SIZES, Change, changes, changes_between, first_part
from trueto.history.records import Release, newest_first, read_history, release_file, write_release

__all__ = [
    "SIZES",
    "Change",
    "Release",
    "changes",
    "changes_between",
    "first_part",
    "newest_first",
    "read_history",
    "release_file",
    "write_release",
]
