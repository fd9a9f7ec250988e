"""What is made of a run record for readers: tables, a metric, a static site, and text for other programs."""

from trueto.reports.badge import to_badge
from trueto.reports.github import to_annotations
from trueto.reports.history import history_page
from trueto.reports.markdown import SUMMARY_ROOM, summary_room, to_markdown
from trueto.reports.sarif import to_sarif
from trueto.reports.site import write_site, write_sites, write_text
from trueto.reports.text import FORMATS, render, to_json, to_junit
from trueto.reports.view import overview

__all__ = [
    "FORMATS",
    "SUMMARY_ROOM",
    "history_page",
    "overview",
    "render",
    "summary_room",
    "to_annotations",
    "to_badge",
    "to_json",
    "to_junit",
    "to_markdown",
    "to_sarif",
    "write_site",
    "write_sites",
    "write_text",
]
