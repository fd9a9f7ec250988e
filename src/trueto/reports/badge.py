"""A run record as a badge: the JSON that shields.io reads from an endpoint."""

from __future__ import annotations

import json

from trueto.events import RunRecord
from trueto.reports.view import Overview, overview
from trueto.reports.words import plural

__all__ = ["to_badge"]

LABEL = "true to the original"


def _said(view: Overview) -> tuple[str, str]:
    """Message and colour: the worst that there is to say."""
    total = len(view.claims)
    count = {
        "bad": sum(claim.verdict.bad for claim in view.claims),
        "unknown": sum(claim.verdict.unknown for claim in view.claims),
        "declared": sum(claim.verdict.declared for claim in view.claims),
    }
    if not view.record.complete:
        return "the run did not finish", "lightgrey"
    if not total:
        return "nothing judged", "lightgrey"
    if count["bad"]:
        return f"{count['bad']} of {total} differ", "red"
    if count["unknown"]:
        return f"{count['unknown']} of {total} not judged", "lightgrey"
    if count["declared"]:
        return f"{total} judged, {count['declared']} as declared", "green"
    return f"{plural(total, 'claim')}, all the same", "brightgreen"


def to_badge(record: RunRecord) -> str:
    """One JSON object, `schemaVersion` 1; `isError` where something differs undeclared, so that no address can colour it green."""
    message, colour = _said(overview(record))
    badge = {"schemaVersion": 1, "label": LABEL, "message": message, "color": colour, "isError": colour in ("red", "lightgrey")}
    return json.dumps(badge, indent=1) + "\n"
