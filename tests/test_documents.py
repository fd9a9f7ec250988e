"""What documents say is so, where a machine can see it."""

import re
from pathlib import Path

from trueto.references import reference
from trueto.running.circumstances import environment

DOCS = Path(__file__).parents[1] / "docs"


def test_the_environment_is_described_as_it_is_recorded():
    """docs/run-record.md names what the header of a record says of the environment, neither more nor less."""
    named = re.search(r"`environment` \(([^;)]*);", (DOCS / "run-record.md").read_text())[1]
    assert list(environment()) == named.split(", ")


def test_the_place_of_the_original_is_described_as_it_is_recorded():
    """The same of where the original stands."""
    row = next(line for line in (DOCS / "run-record.md").read_text().splitlines() if line.startswith("| `original_source` |"))
    assert ["original_source", *reference("k_diffusion/euler").origin] == re.findall(r"`(\w+)`", row)


def test_links_of_the_committed_report_lead_to_what_is_there():
    """Every address and anchor of every page, also on the pages of the releases."""
    root = Path(__file__).parents[1] / "reports"
    ids: dict[Path, set[str]] = {}
    for page in (
        root / "index.html",
        root / "transformers/index.html",
        *root.glob("claims/*.html"),
        *root.glob("transformers/claims/*.html"),
    ):
        for address in re.findall(r'href="([^"]+)"', page.read_text(encoding="utf-8")):
            file, _, anchor = address.partition("#")
            if ":" in file:
                continue
            target = (page.parent / file).resolve() if file else page
            assert target.is_file(), f"{page.name} leads to {file}"
            if anchor and target.suffix == ".html":
                known = ids.setdefault(target, set(re.findall(r'\bid="([^"]+)"', target.read_text(encoding="utf-8"))))
                assert anchor in known, f"{page.name} leads to {address}"
