"""How long readers wait: python benchmarks/first_paint.py. A history of 40 releases, in `trueto serve` and in chromium."""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from pathlib import Path

from figures import Figure, text_of

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import browser
import serving

from trueto.history import read_history
from trueto.reports import history_page

__all__ = ["figures"]

RELEASES, CLAIMS = 40, 60
LAYERS = ("schedule", "start", "update", "trajectory", "noise")
SIZES = {"identical": 0.0, "faithful": 0.8, "declared": 3.1, "drifted": 41.0, "broken": None}
MOVES = 0.04  # how often a layer is another one than in the release before; diffusers' own history has 43 changes in 1,014 steps


def _history(folder: Path, claims: int) -> Path:
    """Records of releases of a library that does not exist, in which layers move now and then."""
    dice = random.Random(0)  # noqa: S311 - the same library every time
    folder.mkdir(parents=True)
    state: dict[tuple[str, str], str] = {}
    for number in range(RELEASES):
        version = f"0.{number}.0"
        events: list[dict[str, object]] = [
            {"event": "run", "schema": 1, "suite": "1.0", "goldens": "0" * 64, "id": version, "candidate": "large", "version": version}
        ]
        for claim in (f"codebase_{one % 20}/algorithm_{one}" for one in range(claims)):
            for layer in LAYERS:
                if (claim, layer) not in state or dice.random() < MOVES:
                    state[claim, layer] = dice.choice(list(SIZES))
                verdict = state[claim, layer]
                cell = {"event": "cell", "reference": claim, "claim": claim, "layer": layer, "case": "karras-20", "verdict": verdict}
                if SIZES[verdict]:
                    cell |= {"ratio": 10 ** dice.uniform(0, 6), "grey_levels": SIZES[verdict], "size": "visible"}
                events.append(cell)
        events.append({"event": "end", "counts": {}})
        (folder / f"{version}.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return folder


def _site(folder: Path) -> list[tuple[int, float, int]]:
    """Two sites below one folder, the second ten times as large: claims, seconds to make the page, its bytes."""
    made = []
    for claims in (CLAIMS, 10 * CLAIMS):
        records, began = _history(folder / "history" / f"large-{claims}", claims), time.process_time()
        text = history_page(read_history(records))
        made.append((claims, time.process_time() - began, len(text.encode())))
        (folder / f"{claims}.html").write_text(text)
    return made


def figures() -> list[Figure]:
    """Ready, and first paint of both sizes, the least of three; where there is no browser or no MLflow, why nothing was measured."""
    found: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = _site(folder / "reports")
        if browser.chromium() is None:
            return [Figure("/drift, first paint", None, "s", note="no chromium here")]
        (folder / "reports" / "index.html").write_text("<!doctype html><title>a site</title>")
        with serving.served(folder):  # makes the database, once
            pass
        with serving.served(folder) as server, browser.browser() as tab:
            found.append(Figure("trueto serve, ready", server.seconds, "s", at_most=25.0, note="over a database that is there"))
            tab.screen(1200)
            for claims, seconds, size in made:
                painted, address = [], f"{server.address}/drift/{claims}.html"
                for _ in range(3):
                    tab.open("about:blank")
                    tab.begin(address)
                    painted.append(tab.first_paint())
                tab.finish(address, 300)
                loaded = tab.run("performance.timing.loadEventEnd - performance.timing.navigationStart") / 1000
                note = f"page of {size / 1e6:.1f} MB, made in {seconds:.1f} s CPU, whole after {loaded:.1f} s"
                said = f"/drift, first paint with {RELEASES} releases x {claims} claims x {len(LAYERS)} layers"
                found.append(Figure(said, min(painted), "s", at_most=1.0 if claims == CLAIMS else 3.0, note=note))
    return found


if __name__ == "__main__":
    print(text_of(figures()))
