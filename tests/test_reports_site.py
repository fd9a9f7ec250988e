"""The static site: complete, safe, small, and never half-written."""

import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
import records

from trueto import cli
from trueto.errors import DataError, UsageError
from trueto.events import read_run
from trueto.references import reference
from trueto.reports import write_site, write_text
from trueto.reports.plot import Series, drift_plot
from trueto.reports.view import ClaimView, severity

VOID = {"meta", "input", "br"}
IMPLIED = {"tr", "td", "th", "thead", "tbody"}


class Page(HTMLParser):
    """What a browser would see of a page: tags, ids, links, text, and whether all elements are closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.words = ""
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag, its id and its link."""
        self.tags[tag] += 1
        for key, value in attrs:
            self.attributes.add(key)
            if key == "id":
                self.ids.append(value or "")
            if key == "href":
                self.links.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that closes itself."""
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """The innermost open element is the one that ends; rows and cells may end by themselves."""
        while self.open and self.open[-1] != tag and self.open[-1] in IMPLIED:
            self.open.pop()
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text."""
        self.words += data


def site(folder: Path, **options: object) -> list[Path]:
    """The site of a synthetic run."""
    return write_site(records.write(folder / "run.jsonl", records.events(**options)), folder / "out")


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a site of a run with all verdicts; tests only read it."""
    folder = tmp_path_factory.mktemp("usual")
    site(folder)
    return folder / "out"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    """The pages of a run with all verdicts and with hostile strings."""
    files = site(tmp_path_factory.mktemp("site"), hostile=True)
    return {path.name: Page(path) for path in files if path.suffix == ".html"}


def test_a_page_for_each_claim_and_an_index(pages: dict[str, Page]) -> None:
    """Every claim of the record has a page, the hostile one included."""
    assert len(records.STORIES) + 2 == len(pages)


def test_nothing_hostile_becomes_markup(pages: dict[str, Page]) -> None:
    """Names, messages and addresses of a candidate stay text: no element, handler or script link comes of them."""
    for name, page in pages.items():
        ours = 1 if name == "index.html" else 0  # to choose one of its two profiles: a form, its script, and what that needs
        assert (2 * ours, ours) == (page.tags["script"], page.tags["form"])
        assert page.tags.keys().isdisjoint({"img", "link", "iframe", "object", "base"})
        assert not [name for name in page.attributes if name.startswith("on") or name in {"src", "srcset"}]
        assert all(re.match(r"https://|#|\.\./index\.html|claims/", address) for address in page.links)
    assert "<script>alert(1)</script>" in pages["index.html"].words


def test_every_element_is_closed_and_ids_are_unique(pages: dict[str, Page]) -> None:
    """The markup nests, so that browsers need not guess."""
    for page in pages.values():
        assert [] == page.open
        assert len(set(page.ids)) == len(page.ids)


def test_every_internal_link_has_a_target(usual: Path) -> None:
    """Links of the index lead to pages and to anchors that exist."""
    known = {path: Page(path) for path in usual.rglob("*.html")}
    for path, page in known.items():
        for address in (a for a in page.links if not a.startswith("https://")):
            name, _, anchor = address.partition("#")
            target = known[(path.parent / name).resolve() if name else path]
            assert not anchor or anchor in target.ids


def test_pages_need_no_network_and_no_script(usual: Path) -> None:
    """No page or picture loads anything: a policy forbids it and no text asks for it."""
    for path in [*usual.rglob("*.html"), *usual.rglob("*.svg")]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<script|@import|url\(|<link", text)
        assert path.suffix != ".html" or "default-src &#x27;none&#x27;" in text


def test_a_verdict_is_never_colour_alone(usual: Path) -> None:
    """Each verdict of the matrix has a shape and a word of its own."""
    text = (usual / "index.html").read_text(encoding="utf-8")
    shapes = set(re.findall(r'<use href="#i-(\w+)"/></svg><span>([\w ]+)</span>', text))
    assert {"same", "identical", "declared", "unexplained", "drifted", "stale", "broken", "beyond", "disputed", "unjudged"} == {
        s for s, _ in shapes
    }
    assert len(shapes) == len({word for _, word in shapes})


def test_the_worst_claim_comes_first(usual: Path) -> None:
    """Rows are ordered from broken to identical."""
    rows = re.findall(r'<th scope="row"><a href="claims/([\w-]+)\.html"', (usual / "index.html").read_text(encoding="utf-8"))
    assert ("k_diffusion-dpm_2", "k_diffusion-euler") == (rows[0], rows[-1])


def test_a_claim_page_tells_the_whole_story(usual: Path) -> None:
    """Card, quote, plot, exact distance, ledger, command and size are on the page of a claim."""
    words = Page(usual / "claims/k_diffusion-dpmpp_2m.html").words
    for part in (
        "DPM++ 2M turns random noise into a picture",
        "k_diffusion/dpmpp_2m in k-diffusion is the scheduler of that name here",
        "final_sigma=sigma_min",
        "tests/test_ledger.py::test_final_sigma",
        "mathematics gives the exact answer",
        "trueto gate diffusers --claim 'k_diffusion/dpmpp_2m' --layer",
        "grey levels",
        "the original's own rounding",
        "sampling step",
    ):
        assert part in words
    assert reference("k_diffusion/dpmpp_2m").origin["link"] in Page(usual / "claims/k_diffusion-dpmpp_2m.html").links


@pytest.mark.parametrize(
    ("claim", "layer", "whose"), [("compvis/unet", "module", "original"), ("features/threads@unet", "invariance", "plain run")]
)
def test_a_switch_is_held_against_the_plain_run(tmp_path: Path, claim: str, layer: str, whose: str) -> None:
    """Its page never speaks of the rounding of an original, of which it has none."""
    lines = [line for line in records.events(claims=1) if line["event"] != "cell"]
    lines.insert(1, records.cell(claim, "threads-2", layer))
    out = tmp_path / "out"
    write_site(records.write(tmp_path / "run.jsonl", lines), out)
    words = "".join(Page(path).words for path in (out / "claims").glob("*.html"))
    assert {f"the {whose}'s own rounding"} == set(re.findall(r"the (?:original|plain run)'s own rounding", words))


def test_an_incomplete_run_is_said_first(tmp_path: Path) -> None:
    """Every page of an incomplete run begins with that fact, and the table too."""
    files = site(tmp_path, complete=False, claims=2)
    for path in (p for p in files if p.suffix in {".html", ".md"}):
        assert "This run did not finish" in path.read_text(encoding="utf-8")
    assert 0 == json.loads((tmp_path / "out/summary.json").read_text())["complete"]


@pytest.mark.parametrize("several", [False, True])
def test_an_incomplete_run_is_said_on_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], several: bool
) -> None:
    """`trueto report` says of each record that did not finish how far it came, and nothing of one that did."""
    halves: list[Path] = []
    for name in ("half", "whole"):
        first, *rest = records.events(complete=name == "whole")
        halves.append(records.write(tmp_path / f"{name}.jsonl", [{**first, "candidate": name}, *rest]))
    for chosen in [halves] if several else [[half] for half in halves]:
        monkeypatch.setattr("sys.argv", ["trueto", "report", *map(str, chosen), "--output", str(tmp_path / "out")])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr().out
        assert 0 == ended.value.code
        judged = len(read_run(halves[0]).cells)
        words = f"{halves[0]}: This run did not finish: {judged} of 700 cells were judged; what is missing is in no table"
        assert [words] * (halves[0] in chosen) == [line for line in said.splitlines() if "did not finish" in line]


def test_forty_claims_stay_below_two_megabytes(tmp_path: Path) -> None:
    """The whole site of 42 claims with 50 cells each is small enough to keep in a repository."""
    assert sum(path.stat().st_size for path in site(tmp_path, claims=42)) < 2_000_000


def test_pages_of_claims_that_are_gone_are_removed(tmp_path: Path) -> None:
    """A later run leaves no page of an earlier one behind, and touches no file of somebody else."""
    site(tmp_path, claims=5)
    mine = tmp_path / "out/claims/mine.html"
    mine.write_text("<p>kept</p>")
    kept = set(site(tmp_path, claims=3))
    assert {p for p in kept if p.suffix == ".html" and p.parent.name == "claims"} | {mine} == set((tmp_path / "out/claims").glob("*.html"))


def test_the_same_record_gives_the_same_bytes(tmp_path: Path) -> None:
    """Nothing in the site depends on the time or on the place of writing."""
    first = {path.name: path.read_bytes() for path in site(tmp_path, claims=2)}
    assert first == {path.name: path.read_bytes() for path in site(tmp_path, claims=2)}


def test_an_unwritable_folder_is_a_clear_error(tmp_path: Path) -> None:
    """A file where the folder should be: the message names it, and exit code 4 follows."""
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UsageError, match=r"out/summary\.json cannot be written"):
        site(tmp_path, claims=1)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full in the middle of writing costs neither the old file nor leaves a piece of the new one."""
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UsageError, match="No space left on device"):
        write_text(path, "new")
    assert ("old", [path]) == (path.read_text(), list(tmp_path.iterdir()))


def test_an_unknown_verdict_is_refused(tmp_path: Path) -> None:
    """A verdict of a later version is an error, and nothing is written: it must never look like success."""
    lines = records.events(claims=1)
    lines[1]["verdict"] = "splendid"
    with pytest.raises(DataError, match="unknown verdict 'splendid'"):
        write_site(records.write(tmp_path / "run.jsonl", lines), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_without_cells_says_that_nothing_was_judged(tmp_path: Path) -> None:
    """An empty run has an index that claims nothing."""
    write_site(records.write(tmp_path / "run.jsonl", [records.header(cells=0)]), tmp_path / "out")
    assert "Nothing was judged of diffusers 0.42.1." in Page(tmp_path / "out/index.html").words


def test_rows_without_step_names_are_still_plotted(tmp_path: Path) -> None:
    """A record that does not name its steps numbers them from 1."""
    lines = records.events(claims=1)
    for line in lines:
        line.get("evidence", {}).pop("steps", None)
    write_site(records.write(tmp_path / "run.jsonl", lines), tmp_path / "out")
    assert "Step by step" in Page(tmp_path / "out/claims/k_diffusion-dpmpp_2m.html").words


def test_named_outputs_are_called_by_their_names(tmp_path: Path) -> None:
    """Where named outputs are compared no sampling step and no picture is spoken of, and without a repository nothing is linked to one."""
    lines = [line for line in records.events(claims=4) if line["event"] != "cell" or line["verdict"] == "drifted"]
    for line in lines:
        if line["event"] == "cell":
            rows = len(line["evidence"]["steps"])
            names = {"names": [f"block {i}" for i in range(rows)], "steps": list(range(rows)), "worst": {"step": 1, "index": [0]}}
            line |= {"layer": "module", "size": "not measured", "grey_levels": None, "first_step": 2, "evidence": line["evidence"] | names}
    write_site(records.write(tmp_path / "run.jsonl", lines), tmp_path / "out")
    (file,) = (tmp_path / "out/claims").glob("*.html")
    words = Page(file).words
    assert "Output by output" in words
    assert "output, in the order of the original" in file.read_text()
    assert "at block 1, element [0]" in words
    assert "from block 2 on" in words
    assert not [said for said in ("Step by step", "sampling step", "at step", "finished picture", "how large") if said in words]


@pytest.mark.parametrize(
    ("names", "shown"), [(("conv_in", "middle", "out"), True), (("down_blocks.0.resnets.1.conv_shortcut", "b", "c"), False)]
)
def test_outputs_have_their_names_under_the_plot_where_there_is_room(names: tuple[str, ...], shown: bool) -> None:
    """Short names stand below their dots; long ones would run into each other, so that there are numbers, which the table has too."""
    picture = str(drift_plot(Series((0, 1, 2), (1e-7,) * 3, (1e-7,) * 3, (1.0,) * 3, names), "a plot"))
    assert [shown] * 3 == [f">{name}</text>" in picture for name in names]
    assert shown is not (">2</text>" in picture)


def declared_cell(case: str, grey: float | None, ratio: float, itself: float, **more: object) -> dict[str, object]:
    """A declared cell: how much its picture changes, how far it is from what is declared, and from the original itself."""
    made = records.cell("k_diffusion/heun", case, "trajectory", verdict="declared")
    return {**made, "grey_levels": grey, "ratio": ratio, "evidence": {**made["evidence"], "original": {"ratio": itself}}, **more}


def test_the_first_of_declared_cells_is_the_one_that_changes_most() -> None:
    """Not the one that is furthest from what is declared, which is rounding; a difference that nobody declared comes before all."""
    small, large, unseen = declared_cell("a", 0.5, 4.0, 9.0), declared_cell("b", 147.0, 0.1, 5.0), declared_cell("c", None, 3.0, 1e9)
    assert [large, small, unseen] == sorted([small, unseen, large], key=severity, reverse=True)
    drifted = {**small, "verdict": "drifted"}
    assert drifted == max([large, drifted], key=severity)


@pytest.mark.parametrize(("grey", "said"), [(None, "not measured"), (3.0, "visible: 3.0 of 255 grey levels")])
def test_what_was_not_measured_is_not_called_invisible(grey: float | None, said: str) -> None:
    """The size of a claim that differs, where the first of its inputs is the same."""
    same = {**records.cell("k_diffusion/heun", "a", "trajectory"), "grey_levels": None, "size": "none"}
    differs = declared_cell("b", grey, 1.0, 5.0, size="visible" if grey else "not measured")
    assert said == ClaimView("k_diffusion/heun", "k_diffusion/heun", "heun", [same, differs], None).size
