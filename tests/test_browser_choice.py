"""Profiles and seeds that a reader chooses, in a real browser: of one run, and of the releases of a library."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import records
from browser import Tab, browser, choose, chromium, near

from trueto.history import read_history
from trueto.reports import history_page, write_site

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="no chromium here (apt-get install chromium), so no page is looked at"),
]
RECORDED = Path(__file__).parents[1] / "reports" / "history" / "diffusers"
MOVED = "k_diffusion-dpmpp_2m"
PHONE = 390


@pytest.fixture
def tab() -> Iterator[Tab]:
    """A browser with a wide window."""
    with browser() as found:
        found.screen(1200)
        yield found


def test_profiles_and_seeds_of_a_run_can_be_chosen(tab: Tab, tmp_path: Path) -> None:
    """A difference in one profile and with one seed is seen there and nowhere else; the address keeps it; hostile names are values only."""
    lines = records.events(profiles=("cpu", records.HOSTILE), cases=("karras-20", "model-20"), claims=8)
    for line in lines:
        if line["event"] == "cell":
            line["seed"] = 7 if line["case"] == "model-20" else 0
            if line["claim"] == "k_diffusion/euler" and (line["profile"], line["seed"], line["layer"]) == ("cpu", 7, "update"):
                line |= {"verdict": "drifted", "ratio": 41.0}
    write_site(records.write(tmp_path / "run.jsonl", lines), tmp_path / "out")
    address = (tmp_path / "out" / "index.html").as_uri()
    place = "document.querySelectorAll('a[href=\"claims/k_diffusion-euler.html#update\"]')[0]"
    tab.open(address)
    shown = {}
    for profile, seed in (("", ""), ("cpu", "7"), ("cpu", "0"), ("", "7")):
        choose(tab, "profile", profile)
        choose(tab, "seed", seed)
        shown[profile, seed] = tab.run(f"{place}.className + ' ' + {place}.innerText.trim()")
    assert {("", ""), ("cpu", "7"), ("", "7")} == {chosen for chosen, tile in shown.items() if tile == "tile bad differs"}
    assert "tile same identical" == shown["cpu", "0"]
    choose(tab, "profile", tab.run("document.querySelector('#filter [name=profile]').options[2].value"))
    assert "tile same" in tab.run(f"{place}.className")
    tab.open(f"{address}?profile=cpu&seed=0")
    assert ("cpu", "tile same") == (tab.run("document.querySelector('#filter [name=profile]').value"), tab.run(f"{place}.className"))
    assert "8 of 8 claims" == tab.run("document.querySelector('#filter output').textContent")
    assert [] == tab.complaints
    tab.screen(PHONE, 800)
    tab.open(address)
    assert tab.run("document.documentElement.scrollWidth") <= PHONE


def test_profiles_and_seeds_of_a_history_can_be_chosen(tab: Tab, tmp_path: Path) -> None:
    """A change under one seed is marked there and nowhere else, in the matrix, the plot and the words; the commands name the profile."""
    releases = [one for one in read_history(RECORDED) if one.version in {"0.25.1", "0.26.3"}]
    copies = []
    for one in releases:
        cells = [cell for cell in one.cells if cell["claim"] in {"k_diffusion/dpmpp_2m", "k_diffusion/euler"}]
        before = {cell["case"] + cell["layer"]: cell for cell in releases[0].cells if cell["claim"] == "k_diffusion/dpmpp_2m"}
        still = [{**cell, "seed": 7} for cell in before.values()]
        fast = [{**cell, "profile": "threads-2"} for cell in cells]
        copies.append(replace(one, cells=(*cells, *still, *fast)))
    file = tmp_path / "history.html"
    file.write_text(history_page(copies), encoding="utf-8")
    tab.open(file.as_uri())
    near(tab, MOVED)
    changes = f"document.querySelectorAll('#{MOVED} .change').length"
    words = f"[...document.querySelectorAll('#{MOVED} .change-at')].filter(item => !item.hidden).length"
    seen = {}
    for profile, seed in (("", ""), ("default", "0"), ("default", "7"), ("threads-2", "0"), ("threads-2", "7")):
        choose(tab, "profile", profile)
        choose(tab, "seed", seed)
        seen[profile, seed] = tab.run(f"[{changes}, {words}]")
    assert {("", ""): [1, 1], ("default", "0"): [1, 1], ("default", "7"): [0, 0], ("threads-2", "0"): [1, 1]} == {
        chosen: numbers for chosen, numbers in seen.items() if chosen != ("threads-2", "7")
    }
    assert "0 of 2 claims" == tab.run("document.querySelector('#filter output').textContent")
    choose(tab, "profile", "default")
    assert not tab.run("[...document.querySelectorAll('tr:not([hidden]) td')].some(td => td.classList.contains('changed'))")
    assert "1 of 2 claims" == tab.run("document.querySelector('#filter output').textContent")
    tab.open(f"{file.as_uri()}?profile=threads-2&seed=0&at=0.26.3#{MOVED}")
    told = tab.run(f"document.querySelector('#{MOVED} details[open]').innerText")
    assert "trueto gate diffusers==0.26.3 --claim k_diffusion/dpmpp_2m --quick --profile threads-2 --seed 0" in told
    assert "0.26.3 of 2024-02-13" in tab.run(f"document.querySelector('#{MOVED} .change-at').innerText").replace(",", " of")
    assert "0.26.3, 2024-02-13" in tab.run(f"[...document.querySelectorAll('#{MOVED} text.at')].map(t => t.textContent)")
    assert [] == tab.complaints
    tab.screen(PHONE, 800)
    tab.open(file.as_uri())
    assert tab.run("document.documentElement.scrollWidth") <= PHONE
