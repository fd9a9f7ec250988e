"""The page as a reader sees it, in a real browser: from disk and at /drift, on a phone, by keyboard, in the dark."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import records
import serving
from browser import Tab, browser, choose, chromium, near, row

from trueto.history import changes, read_history
from trueto.reports import history_page, write_site
from trueto.trackers import publish

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="no chromium here (apt-get install chromium), so no page is looked at"),
]
RECORDED = Path(__file__).parents[1] / "reports" / "history" / "diffusers"
MOVED = "k_diffusion-dpmpp_2m"
RELEASES = read_history(RECORDED)
CLAIMS = len({cell["claim"] for release in RELEASES for cell in release.cells})
CHANGED = len({change.claim for change in changes(RELEASES)})
PHONE = 390


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    """One browser for all tests here."""
    with browser() as found:
        yield found


@pytest.fixture(autouse=True)
def fresh(request: pytest.FixtureRequest) -> None:
    """A wide window, in light colours, that has seen nothing."""
    if "tab" in request.fixturenames:
        seen = request.getfixturevalue("tab")
        seen.screen(1200)
        seen.requests.clear()
        seen.complaints.clear()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of diffusers' name with hostile strings, its site with the recorded history, and both in MLflow."""
    folder = tmp_path_factory.mktemp("browser")
    shutil.copytree(RECORDED, folder / "reports" / "history" / "diffusers")
    lines = [records.header(candidate="diffusers", version="0.42.1"), *records.events(hostile=True, cases=("karras-20", "model-20"))[1:]]
    run = records.write(folder / "run.jsonl", lines)
    write_site(run, folder / "reports")
    publish(run, f"sqlite:///{folder}/mlflow.db", site=None)
    return folder


@pytest.fixture(scope="module")
def server(site: Path) -> Iterator[serving.Served]:
    """`trueto serve` over it."""
    with serving.served(site) as found:
        yield found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the history's page on disk."""
    file = tmp_path_factory.mktemp("page") / "history.html"
    file.write_text(history_page(read_history(RECORDED)), encoding="utf-8")
    return file.as_uri()


def test_the_site_at_drift_loads_nothing_and_complains_of_nothing(tab: Tab, server: serving.Served) -> None:
    """From the first page by links to a claim and to the releases: all requests are ours, the console is silent."""
    assert f"{server.address}/drift/history/diffusers.html has the releases of diffusers" in server.said
    tab.open(f"{server.address}/drift/")
    assert "diffusers" in tab.run("document.title")
    for link in ("a[href='claims/k_diffusion-heun.html']", "a[href^='history.html#']"):
        address = tab.run(f"document.querySelector({json.dumps(link)}).href")
        tab.open(address)
    assert f"{CHANGED} of {CLAIMS} claims changed" in tab.run("document.querySelector('h1').textContent")
    assert [] == tab.complaints
    asked = [address for address in tab.requests if not address.startswith("data:")]  # pictures that are in the page
    assert {urlsplit(server.address).netloc} == {urlsplit(address).netloc for address in asked}
    assert not tab.run("Boolean(document.querySelector('script[src], link, iframe, img:not([src^=\"data:\"])'))")


def test_a_claim_opens_its_curve_in_mlflow(tab: Tab, server: serving.Served) -> None:
    """The link ends on MLflow's own page, with the metric in its address."""
    tab.open(f"{server.address}/drift/claims/k_diffusion-heun.html")
    tab.open(tab.run("document.querySelector('.gateway a').href"))
    assert re.match(rf"{re.escape(server.address)}/#/metric\?runs=.*metric=%22original_ratio/trajectory%22", tab.run("location.href"))
    assert "MLflow" in tab.run("document.title")


def test_a_release_opens_its_run_and_its_ledger(tab: Tab, server: serving.Served) -> None:
    """What a sign opens leads to that release's run in MLflow, and to the ledger's entries on the page of the original."""
    tab.open(f"{server.address}/drift/claims/history.html?at=0.42.1#{MOVED}")
    links = dict(tab.run(f"[...document.querySelectorAll('#{MOVED} details[open] .ways a')].map(a => [a.textContent, a.href])"))
    assert f"{server.address}/drift/claims/{MOVED}.html#declared" == links["what the ledger says, and why"]
    tab.open(links["its run in MLflow"])
    assert re.match(rf"{re.escape(server.address)}/#/experiments/\d+/runs/[0-9a-f]+", tab.run("location.href"))
    tab.open(links["its run in MLflow"].replace("version=0.42.1", "version=9.9"))
    assert "trueto publish" in tab.run("document.body.innerText")


def test_a_page_that_was_spoiled_runs_nothing(tab: Tab, server: serving.Served, site: Path) -> None:
    """A script or a picture from elsewhere in a page that is no longer as trueto wrote it is neither run nor asked for."""
    evil = "<script>document.title='taken'</script><img src='http://127.0.0.1:9/x.png' onerror='document.title=1'>"
    (site / "reports" / "spoiled.html").write_text(f"<!doctype html><title>whole</title>{evil}")
    tab.open(f"{server.address}/drift/spoiled.html")
    assert "whole" == tab.run("document.title")
    assert not [text for text in tab.complaints if "Content Security Policy" not in text]


def test_a_layer_is_shown_alone_and_the_address_can_be_shared(tab: Tab, page: str) -> None:
    """Signs and curves become those of the layer; the address keeps it, and another reader sees the same."""
    tab.open(page)
    whole = row(tab, MOVED)
    near(tab, MOVED)
    choose(tab, "layer", "noise")
    alone = row(tab, MOVED)
    assert whole != alone
    assert all("random draws: " in said for said in alone)
    assert 1 == tab.run(f"[...document.querySelectorAll('#{MOVED} g.curve')].filter(g => g.style.display !== 'none').length")
    shared = tab.run("location.href")
    assert shared.endswith("?layer=noise")
    tab.open("about:blank")
    tab.open(shared)
    assert (alone, "noise") == (row(tab, MOVED), tab.run("document.querySelector('#filter [name=layer]').value"))
    choose(tab, "layer", "")
    assert whole == row(tab, MOVED)


def test_releases_and_changes_can_be_chosen(tab: Tab, page: str) -> None:
    """Only the releases between two, and only what changed there."""
    tab.open(page)
    assert f"{CLAIMS} of {CLAIMS} claims" == tab.run("document.querySelector('#filter output').textContent")
    choose(tab, "from", "0.25.1")
    choose(tab, "to", "0.27.2")
    assert ["0.25.1", "0.26.3", "0.27.2"] == [said.partition(",")[0] for said in row(tab, MOVED)]
    tab.run("document.querySelector('#filter [name=moved]').click()")
    shown = int(tab.run("document.querySelector('#filter output').textContent").split()[0])
    assert 0 < shown < 27
    assert shown == tab.run("[...document.querySelectorAll('section.line')].filter(s => !s.hidden).length")


def test_a_point_opens_its_explanation_and_the_command_by_keyboard(tab: Tab, page: str) -> None:
    """Tab into the matrix, arrows to a release, Enter: what changed, each part, and what to type for just that release."""
    tab.open(page)
    tab.run(f"document.querySelector('td a[href^=\"#{MOVED}--\"]').focus()")
    for key in ("ArrowRight", "ArrowDown", "ArrowUp", *["ArrowRight"] * 18):
        tab.press(key)
    assert tab.run("document.activeElement.title").startswith("0.27.2, ")
    tab.press("Enter")
    said = tab.run(f"document.querySelector('#{MOVED} details[open]').parentNode.innerText")
    assert "0.26.3" in said
    assert "trueto gate diffusers==0.27.2 --claim k_diffusion/dpmpp_2m --quick" in said
    assert "trueto explain diffusers==0.27.2 k_diffusion/dpmpp_2m:" in said
    assert "0.27.2, noise levels: " in said
    assert "the ledger says of spacing=drop_last: visits the first n of n + 1 evenly spaced training times" in said
    assert "told=rounded" not in said  # what it says of Karras levels, which this is not about
    assert "SUMMARY" == tab.run("document.activeElement.tagName")
    shared = tab.run("location.href")
    tab.open("about:blank")
    tab.open(shared)
    assert shared.endswith(f"?at=0.27.2#{MOVED}")
    assert "0.27.2" in tab.run(f"document.querySelector('#{MOVED} details[open] pre').textContent")
    assert 1 == tab.run("document.querySelectorAll('td a[tabindex=\"0\"]').length")


def test_a_release_is_drawn_step_by_step(tab: Tab, tmp_path: Path) -> None:
    """Where a record has the distance by step, what a sign opens has a plot of it: each step a dot, a square outside of the rounding."""
    releases = [one for one in read_history(RECORDED) if one.version in {"0.25.1", "0.26.3"}]
    for one in releases:
        for cell in one.cells:
            cell["evidence"].pop("by_step", None)
            if one.version == "0.26.3" and (cell["claim"], cell["layer"]) == ("k_diffusion/dpmpp_2m", "update"):
                cell["evidence"]["by_step"] = [0, 0.5, 1200, 90, 2]
    file = tmp_path / "history.html"
    file.write_text(history_page(releases), encoding="utf-8")
    opened = f"document.querySelector('#{MOVED} details[open]')"
    tab.open(f"{file.as_uri()}?at=0.26.3#{MOVED}")
    said = tab.run(f"[...{opened}.querySelectorAll('svg.steps')].map(s => s.getAttribute('aria-label'))")
    assert ["update rule, step by step: how many times the original's own rounding it is away, 2 of 5 steps outside of it"] == said
    assert [3, 2] == [
        tab.run(f"{opened}.querySelector('svg.steps .{kind}').getAttribute('d').split('M').length - 1") for kind in ("in", "out")
    ]
    tab.open("about:blank")
    tab.open(f"{file.as_uri()}?at=0.25.1#{MOVED}")
    assert 0 == tab.run(f"document.querySelectorAll('#{MOVED} svg.steps').length")


def test_a_plot_is_drawn_when_somebody_comes_near(tab: Tab, page: str) -> None:
    """Not before, and then with a point and a sign for each release; on paper all are there."""
    tab.open(page)
    assert tab.run("document.querySelectorAll('svg.time').length") < 10
    assert near(tab, MOVED).startswith("k_diffusion/dpmpp_2m over the releases of diffusers: 3 changes over 42 releases.")
    points = tab.run(
        f"[...document.querySelectorAll('#{MOVED} g.curve:not([data-layer]), #{MOVED} g.curve[data-layer=\"\"]')][0].innerHTML"
    )
    assert 35 == points.count("h0")  # the class is there since 0.8
    assert 3 == tab.run(f"document.querySelectorAll('#{MOVED} .change').length")
    signs = tab.run(f"[...document.querySelectorAll('#{MOVED} g.row[data-layer=schedule] title')].map(t => t.textContent)")
    assert 42 == len(signs)
    low = "[...document.querySelectorAll('#%s svg.time text')].every(t => end(t) <= end(t.closest('svg')))"
    assert tab.run(f"(end => {low % MOVED})(one => one.getBoundingClientRect().bottom)")
    assert "0.26.3, noise levels: declared, 8.4e5 times the rounding, as spacing=drop_last,table=float32" in signs
    kept = "document.querySelector('#%s figure').offsetHeight >= document.querySelector('#%s svg.time').getBoundingClientRect().height"
    assert tab.run(kept % (MOVED, MOVED))
    tab.run("dispatchEvent(new Event('beforeprint'))")
    assert CLAIMS == tab.run("document.querySelectorAll('svg.time').length")
    assert [] == tab.complaints


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_phone_dark_and_light(tab: Tab, page: str, site: Path, *, dark: bool) -> None:
    """No page scrolls sideways as a whole; colours follow the reader's wish."""
    tab.screen(PHONE, 800, dark=dark)
    for address in (page, (site / "reports" / "index.html").as_uri(), (site / "reports" / "claims" / "k_diffusion-heun.html").as_uri()):
        tab.open(address)
        assert tab.run("document.documentElement.scrollWidth") <= PHONE
        shade = [int(part) for part in re.findall(r"\d+", tab.run("getComputedStyle(document.body).backgroundColor"))]
        assert dark == (sum(shade[:3]) < 3 * 64)


def test_on_a_phone_the_newest_releases_are_in_sight_beside_the_names(tab: Tab, page: str) -> None:
    """The column of names leaves room for signs; what is behind a sign in the matrix is that sign, and not a name that lies over it."""
    tab.screen(PHONE, 800)
    tab.open(page)
    tab.run("document.querySelector('#matrix').scrollIntoView()")
    lies = "(sign => { const at = sign.getBoundingClientRect(); return sign === document.elementFromPoint(at.x + at.width / 2, at.y + 4) })"
    row = "[...document.querySelector('tbody tr').querySelectorAll('td a')]"
    assert [True] * 5 == tab.run(f"{row}.slice(-5).map({lies})")


def test_without_its_script_the_page_has_table_and_words(tab: Tab, page: str) -> None:
    """No filter that would do nothing, and no empty plots; each sign leads to what it was all the same, and a line says what is missing."""
    tab.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(page)
    finally:
        tab.ask("Emulation.setScriptExecutionDisabled", value=False)
    assert tab.run("document.querySelector('#filter').hidden")
    assert tab.run("[...document.querySelectorAll('td a')].every(a => document.getElementById(decodeURIComponent(a.hash.slice(1))))")
    assert CLAIMS == tab.run("document.querySelectorAll('tbody tr').length")
    assert "without scripts this page has no plots" in tab.run("document.querySelector('header').innerText").lower()
    assert not tab.run("[...document.querySelectorAll('figure')].some(f => f.offsetHeight)")
