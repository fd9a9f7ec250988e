"""MLflow's server with the site at /drift: the factory behind `mlflow server --app-name trueto`.

The pages are routes of MLflow's own application, so that whatever guards it guards them: its checks of Host and Origin, and its
basic authentication where that is asked for.
"""

from __future__ import annotations

import time
from typing import Any

from trueto.dashboard.pages import Pages, Reply
from trueto.dashboard.states import unpublished_page
from trueto.settings import Dashboard, dashboard
from trueto.trackers import Store

__all__ = ["create_app"]

FRESH = 10.0  # seconds for which it is remembered which originals MLflow has runs of
PIECE = 1 << 16  # bytes: a browser begins to draw a large page with the first of them
PUBLISH = "trueto publish reports/run.jsonl\ntrueto publish reports/history/diffusers"


class _Known:
    """What MLflow has of an original, asked at most every few seconds; nothing where MLflow does not answer."""

    def __init__(self, store: Store) -> None:
        self._store, self._held, self._until = store, dict[str, frozenset[str]](), 0.0

    def __call__(self, reference: str) -> frozenset[str]:
        if time.monotonic() > self._until:
            try:
                self._held = self._store.held()
            except Exception:  # noqa: BLE001 - a page is shown without its links rather than not at all
                self._held = {}
            self._until = time.monotonic() + FRESH
        return self._held.get(reference, frozenset())


def _mount(app: Any, settings: Dashboard) -> None:
    """Add the pages to a Flask application."""
    from flask import Response, redirect, request

    store = Store(settings.tracking_uri)
    pages = Pages(settings.site, _Known(store))

    def answer(reply: Reply) -> Any:
        pieces = (reply.body[start : start + PIECE] for start in range(0, len(reply.body), PIECE))
        headers = {**reply.headers, "Content-Length": str(len(reply.body))}
        return Response(pieces, reply.status, headers, content_type=reply.kind)

    def show(path: str = "") -> Any:
        return answer(pages.reply(path))

    def open_claim() -> Any:
        claim, layer, version = (request.args.get(name, "") for name in ("claim", "layer", "version"))
        if version:
            address = store.release_page(claim, request.args.get("candidate", ""), version)
        else:
            address = store.drift_page(claim, layer, releases="releases" in request.args)
        if address is None:
            return answer(Reply(unpublished_page(claim, PUBLISH).encode("utf-8", "backslashreplace"), status=404))
        return redirect(address)

    def enter() -> Any:
        return redirect("drift/")

    app.add_url_rule("/drift", "trueto_enter", enter, strict_slashes=True)
    app.add_url_rule("/drift/", "trueto_index", show)
    app.add_url_rule("/drift/open", "trueto_open", open_claim)
    app.add_url_rule("/drift/<path:path>", "trueto_page", show)


class _Readable(dict[tuple[str, str], Any]):
    """MLflow's rules by path and method, and one more: whoever has logged in may read what is below /drift.

    MLflow refuses everything for which it has no rule, to all but its administrator.
    """

    def get(self, key: tuple[str, str], default: Any = None) -> Any:
        """The rule, a function that says whether the user may."""
        path, method = key
        if method in {"GET", "HEAD"} and (path == "/drift" or path.startswith("/drift/")):
            return lambda: True
        return super().get(key, default)


def create_app() -> Any:
    """MLflow's application with the site in it, as the settings say that `trueto serve` hands on."""
    import mlflow.server

    settings = dashboard()
    _mount(mlflow.server.app, settings)
    if settings.auth:
        from mlflow.server import auth

        auth.BEFORE_REQUEST_VALIDATORS = _Readable(auth.BEFORE_REQUEST_VALIDATORS)
        return auth.create_app(mlflow.server.app)
    from mlflow.server.fastapi_app import create_fastapi_app

    return create_fastapi_app(mlflow.server.app)
