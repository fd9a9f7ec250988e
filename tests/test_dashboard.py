"""What stands at /drift: the site as it is on disk and nothing else, with links into MLflow, and a page for what is not there."""

import json
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest
import records

from trueto.dashboard import Pages
from trueto.reports import write_site

RECORDED = Path(__file__).parents[1] / "reports" / "history" / "diffusers"
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with hostile strings in it, a secret beside it, and links that lead to the secret."""
    folder = tmp_path_factory.mktemp("site")
    write_site(records.write(folder / "run.jsonl", records.events(hostile=True)), folder / "reports")
    (folder / "secret.html").write_text("secret")
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "secret.html").write_text("secret")
    (folder / "reports" / "link.html").symlink_to(folder / "secret.html")
    (folder / "reports" / "folder").symlink_to(folder / "elsewhere")
    (folder / "reports" / ".hidden.html").write_text("secret")
    (folder / "reports" / "key.pem").write_text("secret")
    return folder / "reports"


def test_every_file_of_the_site_is_served_as_it_is(site: Path) -> None:
    """Pages differ from those on disk in nothing where MLflow has no runs, once the places kept for links are empty."""
    files = [path for path in site.rglob("*") if path.is_file() and not path.is_symlink() and path.suffix in {".html", ".svg", ".json"}]
    files = [path for path in files if not path.name.startswith(".") and "folder" not in path.parts]
    assert len(files) > 30
    for file in files:
        reply = Pages(site).reply(file.relative_to(site).as_posix())
        assert 200 == reply.status
        assert len(file.read_bytes()) - len(reply.body) < 400
    assert b"All runs in MLflow" in Pages(site).reply("").body


@pytest.mark.parametrize(
    "path",
    [
        "../secret.html",
        "claims/../../secret.html",
        "/etc/passwd",
        "//etc/passwd",
        "claims/%2e%2e/secret.html",
        "..\\secret.html",
        "link.html",
        "folder/secret.html",
        ".hidden.html",
        "key.pem",
        "claims",
        "index.html\x00.svg",
        "a" * 5000 + ".html",
        "history/../index.html",
        "history/....html",
    ],
)
def test_nothing_outside_is_read(site: Path, path: str) -> None:
    """Ways up, absolute names, links that lead out, hidden files and other kinds of files are all the same page: there is none."""
    reply = Pages(site).reply(path)
    assert 404 == reply.status
    assert b"secret</" not in reply.body.replace(b"secret.html", b"")
    assert reply.body.startswith(b"<!doctype html>")


def test_what_was_asked_for_is_text(site: Path) -> None:
    """An address is shown, never obeyed."""
    assert b"<img" not in Pages(site).reply(f"{EVIL}.html").body


def test_every_page_forbids_scripts_and_requests(site: Path) -> None:
    """The policy is a header too, so that a page that was not written by trueto may do no more."""
    for path in ("", "nothing.html", "claims/pages.json"):
        policy = Pages(site).reply(path).headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
        assert "http" not in policy


def test_a_claim_leads_to_mlflow_where_it_has_runs(site: Path) -> None:
    """The link names the claim, also a hostile one, as an address; where MLflow has no run of an original, there is none."""
    book = json.loads((site / "claims" / "pages.json").read_text())["claims"]
    pages = Pages(site, lambda name: frozenset({"runs"} if name == "k_diffusion/heun" else ()))
    assert b'href="../open?claim=k_diffusion/heun"' in pages.reply(book["k_diffusion/heun"]["page"]).body
    assert b"open?claim=" not in pages.reply(book["compvis/ddim"]["page"]).body
    hostile = next(name for name in book if "script" in name)
    linked = Pages(site, lambda _: frozenset({"runs", "releases"})).reply(book[hostile]["page"]).body
    assert f'open?claim={quote(hostile, safe="/@", errors="replace")}"'.encode() in linked
    assert b"&amp;releases" in linked
    assert b"<script" not in linked


def test_nothing_judged_yet_says_what_to_type(tmp_path: Path) -> None:
    """An empty folder, and one that is not there, are a page with the commands; recorded releases can be looked at even so."""
    for folder in (tmp_path, tmp_path / "nowhere"):
        body = Pages(folder).reply("").body
        assert b"Nothing has been judged yet" in body
        assert b"trueto gate diffusers --quick" in body
    shutil.copytree(RECORDED, tmp_path / "history" / "diffusers")
    assert b'href="./history/diffusers.html"' in Pages(tmp_path).reply("").body
    page = Pages(tmp_path).reply("history/diffusers.html")
    assert (200, True) == (page.status, f"diffusers over {len(list(RECORDED.glob('*.jsonl')))} releases".encode() in page.body)


def test_a_history_is_read_again_after_a_sweep(tmp_path: Path) -> None:
    """The page of recorded releases is kept, until one is added."""
    folder = tmp_path / "history" / "diffusers"
    folder.mkdir(parents=True)
    shutil.copy(RECORDED / "0.25.1.jsonl", folder)
    shutil.copy(RECORDED / "0.26.3.jsonl", folder)
    assert b"over 2 releases" in Pages(tmp_path).reply("history/diffusers.html").body
    shutil.copy(RECORDED / "0.27.2.jsonl", folder)
    assert b"over 3 releases" in Pages(tmp_path).reply("history/diffusers.html").body


def test_a_damaged_record_is_a_page_that_names_it(tmp_path: Path) -> None:
    """Half a record is said, with what brings it back, and nothing of the others is shown as if they were all."""
    folder = tmp_path / "history" / "diffusers"
    shutil.copytree(RECORDED, folder)
    whole = (folder / "0.26.3.jsonl").read_text()
    (folder / "0.26.3.jsonl").write_text(whole[: len(whole) // 2])
    reply = Pages(tmp_path).reply("history/diffusers.html")
    assert (500, True) == (reply.status, b"A record cannot be read" in reply.body)
    assert b"0.26.3.jsonl" in reply.body
    assert b"What to type" in reply.body
