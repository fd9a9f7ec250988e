"""Reports of several libraries lead to each other."""

import re

import records

from trueto.reports import write_site


def test_a_report_in_the_folder_of_another_leads_back(tmp_path):
    """The first leads to it by its name; one that stands alone leads nowhere."""
    run = records.write(tmp_path / "run.jsonl", records.events(claims=1))
    out = tmp_path / "out"
    for folder in (out, out / "other", out):
        write_site(run, folder)
    links = {folder: set(re.findall(r'href="([^"#]+)"', (folder / "index.html").read_text())) for folder in (out, out / "other")}
    assert "other/index.html" in links[out]
    assert ("../index.html" in links[out], "../index.html" in links[out / "other"]) == (False, True)
