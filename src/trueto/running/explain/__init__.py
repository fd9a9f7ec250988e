"""Why a cell differs: the candidate run once more, a search over the spec's knobs, and what else can be told from outside."""

from trueto.running.explain.account import Explanation, explain
from trueto.running.explain.record import explanation_record
from trueto.running.explain.search import Search, Trial
from trueto.running.explain.subject import Subject, open_subject, split_cell, subject_of
from trueto.running.explain.text import explanation_text

__all__ = [
    "Explanation",
    "Search",
    "Subject",
    "Trial",
    "explain",
    "explanation_record",
    "explanation_text",
    "open_subject",
    "split_cell",
    "subject_of",
]
