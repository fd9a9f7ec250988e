"""Wrong usage: names, options and files that cannot be taken are said in one sentence, before anything runs, without secrets."""

import pytest
from support import BASE, HOSTILE

from trueto import cli
from trueto.errors import UnknownName, UsageError
from trueto.recording.recorder import references_of
from trueto.references import codebase
from trueto.running import entry
from trueto.trackers import Published, shown


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("gate", "difusers"), 4, "unknown candidate 'difusers'; did you mean 'diffusers'?"),
        (("gate", "none.py"), 4, "candidate file none.py does not exist"),
        (("gate", BASE, "--reference", "k_diffusion/eular"), 4, "unknown reference 'k_diffusion/eular'; did you mean 'k_diffusion/euler'?"),
        (("gate", BASE, "--claim", "k_diffusion/eular"), 4, "unknown claim 'k_diffusion/eular'; did you mean 'k_diffusion/euler'?"),
        (("gate", BASE, "--case", "karas-20"), 4, "unknown case 'karas-20'; did you mean 'karras-20'?"),
        (("gate", BASE, "--profile", "cudda"), 4, "unknown profile 'cudda'; did you mean 'cuda'?"),
        (("gate", BASE, "--layer", "strat"), 4, "unknown layer 'strat'; did you mean 'start'?"),
        (("gate", BASE, "--layer", "updat"), 4, "unknown layer 'updat'; did you mean 'update'?"),
        (("list", "refs"), 4, "'profiles'; did you mean 'references'?"),
        (("list", "zzz"), 4, "'zzz' is not one of 'references', "),
        (("list", "references", "zzz"), 4, "unknown reference 'zzz'; known: compvis, consistency_models,"),
        (("list", "references", "k_diffusion/eular"), 4, "did you mean 'k_diffusion/euler'?"),
        (("list", "cases", "k_difusion"), 4, "did you mean 'k_diffusion'?"),
        (("list", "candidates", "difusers"), 4, "did you mean 'diffusers'?"),
        (("list", "fixtures", "network"), 4, "did you mean 'networks'?"),
        (("list", "profiles", "cudda"), 4, "did you mean 'cuda'?"),
        (("explain", BASE, "k_diffusion/euler:karras-20", "--format", "jsn"), 4, "did you mean 'json'?"),
        (("matrix", "--format", "makrdown"), 4, "did you mean 'markdown'?"),
        (("history", "diffusers", "--size", "smal"), 4, "did you mean 'small'?"),
        (("baseline", "a.jsonl", "b.jsonl", "--fail-on", "undeclard"), 4, "did you mean 'undeclared'?"),
        (("gate", BASE, "--seed", "one"), 4, "a seed is a whole number; saw one"),
        (("gate", BASE, "--jobs", "0"), 4, "--jobs is at least 1"),
        (("gate", BASE, "--fail-on", "never"), 4, "'never' is not one of"),
        (("gate", BASE, "--ledger", "none.toml"), 4, "ledger none.toml cannot be read"),
        (("gate", BASE, "--output", "/proc/none/out.txt"), 4, "/proc/none/out.txt cannot be written"),
        (("gate", BASE, "--output", "."), 4, ". cannot be written"),
        (("gate", BASE, "--record", "/proc/none/run.jsonl"), 4, "/proc/none/run.jsonl cannot be written"),
        (("gate", BASE, "--reference", "compvis/*"), 5, "nothing to judge"),
        (("gate", BASE, "--seed", "77"), 5, "matches seeds=[77], profiles=['default']; its cases have seed 0 and 1"),
        (("gate", BASE, "--seed", "1", "--case", "model-2"), 5, "profiles=['default']; its cases have seed 0"),
        (("gate", BASE, "--seed", "0", "--layer", "module"), 5, "layers=['module'], seeds=[0], profiles=['default']\n"),
        (("gate", str(HOSTILE / "raises_at_import.py")), 2, "RuntimeError: the adapter is broken"),
        (("gat",), 4, "no command 'gat'; did you mean 'gate'?"),
        (("gate",), 4, "no CANDIDATE is named, and no pyproject.toml here has [tool.trueto] try: trueto init"),
        (("explain", "k_diffusion/euler:update:karras-20"), 4, "no CANDIDATE is named"),
        (("explain", "diffusers"), 4, "'diffusers' is no cell, expected as k_diffusion/dpmpp_2m:schedule:karras-20"),
        (("declare", BASE, "k_diffusion/euler", "update"), 4, "expected a candidate and a cell, saw 3 words"),
        (("baseline", "none.jsonl", "none.jsonl"), 2, "try: trueto gate CANDIDATE --record none.jsonl"),
        (("show", "k_diffusion/eular"), 4, "did you mean 'k_diffusion/euler'?"),
        (("record", "k-diffusion", "--source", "."), 4, "unknown codebase 'k-diffusion'; did you mean 'k_diffusion'?"),
        (("record", "features", "--source", "."), 4, "nothing of features is recorded from an original"),
        (("record", "k_diffusion", "--source", ".", "--reference", "nope"), 4, "unknown reference of k_diffusion 'nope'; known: dpm_2,"),
        (("explain", BASE, "k_diffusion/euler"), 4, "a cell is written <claim>:<layer>:<case>; saw 'k_diffusion/euler'"),
        (("explain", "difusers", "k_diffusion/euler:karras-20"), 4, "unknown candidate 'difusers'; did you mean 'diffusers'?"),
        (
            ("explain", BASE, "k_diffusion/eular:karras-20"),
            4,
            "unknown claim of base 'k_diffusion/eular'; did you mean 'k_diffusion/euler'?",
        ),
        (("explain", BASE, "k_diffusion/lms:karras-20"), 4, "base does not claim to be k_diffusion/lms: not ported"),
        (("explain", BASE, "k_diffusion/euler:karas-20"), 4, "unknown case of k_diffusion/euler 'karas-20'; did you mean 'karras-20'?"),
        (("explain", BASE, "k_diffusion/euler:v-15"), 4, "claim k_diffusion/euler does not cover case v-15"),
        (("explain", BASE, "k_diffusion/euler:updat:karras-20"), 4, "unknown layer 'updat'; did you mean 'update'?"),
        (("explain", BASE, "k_diffusion/euler:update:model-1"), 4, "case model-1 is not judged in layer update"),
        (("explain", BASE, "k_diffusion/euler:karras-20", "--profile", "cudda"), 4, "did you mean 'cuda'?"),
        (("declare", BASE, "k_diffusion/euler:karras-20"), 4, "a declaration needs --reason and --owner"),
        (("verify", "k_diffusion/eular"), 4, "did you mean 'k_diffusion/euler'?"),
        (("verify", "k_diffusion/euler", "--case", "karas-2"), 4, "did you mean 'karras-20'?"),
    ],
)
def test_wrong_usage(tmp_path, monkeypatch, capsys, arguments, code, words):
    """A wrong name, option or file ends in one sentence with the nearest name and its exit code, before anything runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["trueto", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    said = capsys.readouterr()
    assert (code, "") == (caught.value.code, said.out), said.err
    assert words.strip() in " ".join(said.err.split())
    assert words[-1] != "\n" or words in said.err  # nothing more on that line
    assert 6 >= len(said.err.splitlines())


def test_unwritable_is_found_before_anything_runs(tmp_path):
    """A file that cannot be written is an error of usage that names it."""
    with pytest.raises(UsageError, match="cannot be written"):
        entry.writable(tmp_path)
    assert tmp_path / "new/run.jsonl" == entry.writable(tmp_path / "new/run.jsonl")


def test_reference_of_another_codebase_is_unknown():
    """A name is looked for in the codebase alone, and nothing of another one is suggested; a whole name is taken too."""
    base = codebase("k_diffusion")
    assert ["k_diffusion/heun", "k_diffusion/lms"] == references_of(base, ("heun", "k_diffusion/lms"))
    for name in ("nope", "pie", "compvis/plms", "v_diffusion/pie"):
        with pytest.raises(UnknownName) as caught:
            references_of(base, (name,))
        assert f"unknown reference of k_diffusion '{name}'" in caught.value.message
        assert "v_diffusion" not in caught.value.message.partition("; ")[2]
        assert "trueto list references k_diffusion" == caught.value.hint


def test_a_password_in_the_address_is_not_printed(monkeypatch, capsys):
    """Where to look at what was published is said without what opens it."""
    monkeypatch.setattr("trueto.trackers.publish", lambda _record, uri, **_: Published(shown(uri)))
    monkeypatch.setattr("sys.argv", ["trueto", "publish", "run.jsonl", "--tracking-uri", "https://me:secret@mlflow.example.org/x"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert 0 == ended.value.code
    assert "look at it: https://me:***@mlflow.example.org/x\n" in said.out
    assert "secret" not in said.out + said.err
