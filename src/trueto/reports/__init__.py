"""What is made of a run record for readers: tables, a metric, a static site, and text for other programs."""

from trueto.reports.site import write_site, write_sites, write_text
from trueto.reports.text import FORMATS, render, to_json, to_junit, to_markdown
from trueto.reports.view import overview

__all__ = ["FORMATS", "overview", "render", "to_json", "to_junit", "to_markdown", "write_site", "write_sites", "write_text"]
