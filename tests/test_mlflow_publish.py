"""Publishing to MLflow: complete, once, resumable, and clear where there is no MLflow."""

import logging
import os
import socket
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import records
from publishing import content, runs

from trueto import cli
from trueto.errors import DataError, UnknownName
from trueto.trackers import TrackerError, publish, tracker_names

mlflow = pytest.importorskip("mlflow")
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository  # noqa: E402 - only where there is an MLflow

CLAIMS = 2
CASES = ("model-20", "karras-20")


@pytest.fixture(scope="session")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One SQLite store for all tests here: the first use of a database migrates it for seconds. Tests keep apart by prefix."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A small run: two claims with two cases."""
    return records.write(tmp_path / "run.jsonl", records.events(claims=CLAIMS, cases=CASES))


def test_a_run_a_claim_with_metrics_by_step(uri: str, record: Path) -> None:
    """Each claim is a run in its reference's experiment; ratio, log10 of it and drift have the step index of the record."""
    done = publish(record, uri, prefix="steps/")
    assert (CLAIMS, 0, 0) == (done.created, done.completed, done.present)
    client = mlflow.MlflowClient(tracking_uri=uri)
    run = next(r for r in runs(uri, "steps/") if r.data.tags["claim"] == "k_diffusion/dpmpp_2m")
    cells = [c for c in records.events(claims=CLAIMS, cases=CASES) if c["event"] == "cell" and c["claim"] == "k_diffusion/dpmpp_2m"]
    worst = max((c for c in cells if c["layer"] == "schedule"), key=lambda c: (c["verdict"] == "declared", c["ratio"]))
    history = sorted((m.step, m.value) for m in client.get_metric_history(run.info.run_id, "ratio/schedule"))
    assert list(zip(worst["evidence"]["steps"], worst["evidence"]["ratios"], strict=True)) == history
    assert {"ratio", "drift", "log10_ratio", "worst_ratio", "ratio/update/model-20", "cells/declared"} <= set(run.data.metrics)


def test_a_run_that_did_not_finish_is_said(uri: str, tmp_path: Path) -> None:
    """Of a record without its end `publish` says how far it came; of a whole one nothing, in a folder of both that of the one."""
    half = records.write(tmp_path / "half.jsonl", records.events(claims=CLAIMS, cases=CASES, complete=False))
    said = "half.jsonl: This run did not finish: 20 cells were judged"
    assert (said,) == publish(half, uri, prefix="unfinished/").unfinished
    whole = records.write(tmp_path / "whole.jsonl", records.events(claims=CLAIMS, cases=CASES))
    assert () == publish(whole, uri, prefix="finished/").unfinished
    assert (said,) == publish(tmp_path, uri, prefix="unfinished-too/").unfinished


def test_the_command_says_that_a_run_did_not_finish(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same on the terminal."""
    half = records.write(tmp_path / "half.jsonl", records.events(claims=1, cases=CASES[:1], complete=False))
    monkeypatch.setattr("sys.argv", ["trueto", "publish", str(half), "--tracking-uri", uri])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert 0 == ended.value.code
    assert "half.jsonl: This run did not finish: 5 cells were judged; MLflow shows its runs as killed\n" in capsys.readouterr().out


def test_a_run_says_what_was_found_and_with_what(uri: str, record: Path) -> None:
    """Verdicts are tags, the environment is parameters, the golden and the fixture are dataset inputs."""
    publish(record, uri, prefix="what/")
    run = next(r for r in runs(uri, "what/") if r.data.tags["claim"] == "k_diffusion/dpmpp_2m")
    assert ("declared", "declared", "identical") == tuple(run.data.tags[k] for k in ("verdict", "verdict.schedule", "verdict.start"))
    assert ("2.13.0", "FINISHED") == (run.data.params["environment.torch"], run.info.status)
    assert {("k_diffusion/dpmpp_2m", ("ab" * 32)[:36]), ("fixtures", ("cd" * 32)[:36])} == {
        (i.dataset.name, i.dataset.digest) for i in run.inputs.dataset_inputs
    }


def test_sending_again_changes_nothing(uri: str, record: Path) -> None:
    """The second sending finds everything there."""
    publish(record, uri, prefix="again/")
    before = content(uri, "again/")
    done = publish(record, uri, prefix="again/")
    assert (0, 0, CLAIMS, 0) == (done.created, done.completed, done.present, done.metrics)
    assert before == content(uri, "again/")


@pytest.mark.parametrize(
    ("method", "call"), [("log_batch", 1), ("log_batch", 3), ("log_inputs", 2), ("log_artifacts", 2), ("set_terminated", 1)]
)
def test_a_sending_cut_short_is_completed(uri: str, record: Path, monkeypatch: pytest.MonkeyPatch, method: str, call: int) -> None:
    """Wherever MLflow dies in the middle, sending again gives exactly what one whole sending gives: nothing twice, nothing missing."""
    prefix, calls = f"cut-{method}-{call}/", 0
    owner = LocalArtifactRepository if method == "log_artifacts" else mlflow.MlflowClient
    real = getattr(owner, method)

    def dying(self: Any, *args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise ConnectionResetError("the server went away")
        return real(self, *args, **options)

    monkeypatch.setattr("trueto.trackers.mlflow.BATCH", 50)
    monkeypatch.setattr(owner, method, dying)
    with pytest.raises(TrackerError, match="the server went away"):
        publish(record, uri, prefix=prefix)
    monkeypatch.setattr(owner, method, real)
    done = publish(record, uri, prefix=prefix)
    assert 1 == done.completed
    publish(record, uri, prefix=f"whole-{method}-{call}/")
    assert content(uri, f"whole-{method}-{call}/") == content(uri, prefix)


def test_a_run_that_an_older_trueto_left_half_written_is_completed(uri: str, record: Path) -> None:
    """It ended runs before they were whole, and marked those that were: one without the mark is not taken for whole."""
    publish(record, uri, prefix="old/")
    before = content(uri, "old/")
    client = mlflow.MlflowClient(tracking_uri=uri)
    halved, marked = (run.info.run_id for run in runs(uri, "old/"))
    client.delete_tag(halved, "trueto.complete")
    client.set_tag(marked, "trueto.complete", "true")
    store = sqlite3.connect(uri.removeprefix("sqlite:///"))
    store.execute("delete from metrics where run_uuid = ? and step > 5", [halved])
    store.commit()
    store.close()
    done = publish(record, uri, prefix="old/")
    assert (0, 1, 1) == (done.created, done.completed, done.present)
    client.set_tag(marked, "trueto.complete", "when ended")
    assert before == content(uri, "old/")


def test_pages_of_the_same_run_become_artifacts(uri: str, record: Path, tmp_path: Path) -> None:
    """Page and plot of a claim go along; the site of another run does not."""
    from trueto.reports import write_site

    write_site(record, tmp_path / "out")
    publish(record, uri, prefix="pages/", site=tmp_path / "out")
    artifacts = next(tail[-1] for tail in content(uri, "pages/").values() if tail[3]["claim"] == "k_diffusion/dpmpp_2m")
    assert ["cells.json", "k_diffusion-dpmpp_2m.html", "k_diffusion-dpmpp_2m.svg"] == artifacts
    other = records.write(tmp_path / "other.jsonl", [records.header(id="other"), *records.events(claims=1, cases=CASES)[1:]])
    publish(other, uri, prefix="other/", site=tmp_path / "out")
    assert [["cells.json"]] == [tail[-1] for tail in content(uri, "other/").values()]


def test_hostile_names_and_incomplete_runs_are_taken(uri: str, tmp_path: Path) -> None:
    """Whatever a candidate is called, MLflow holds it; a run that did not finish says so."""
    done = publish(
        records.write(tmp_path / "run.jsonl", records.events(claims=1, hostile=True, complete=False, cases=CASES)), uri, prefix="evil/"
    )
    assert 2 == done.created
    assert {("KILLED", "false")} == {(run.info.status, run.data.tags["trueto.record_complete"]) for run in runs(uri, "evil/")}


def test_claims_and_profiles_are_runs_of_their_own(uri: str, tmp_path: Path) -> None:
    """Two profiles of two claims of one reference are four runs of one experiment."""
    path = records.write(tmp_path / "run.jsonl", records.events(claims=2, profiles=("cpu", "bf16"), cases=CASES))
    publish(path, uri, prefix="four/")
    found = runs(uri, "four/")
    assert (4, 1) == (len(found), len({run.info.experiment_id for run in found}))


def test_a_deleted_experiment_is_said(uri: str, record: Path) -> None:
    """An experiment that somebody deleted is not brought back silently: the error says how."""
    publish(record, uri, prefix="gone/")
    client = mlflow.MlflowClient(tracking_uri=uri)
    client.delete_experiment(client.get_experiment_by_name("gone/k_diffusion/dpmpp_2m").experiment_id)
    with pytest.raises(TrackerError, match="was deleted in MLflow") as caught:
        publish(record, uri, prefix="gone/")
    assert "mlflow experiments restore" in caught.value.hint


def test_nothing_of_the_process_is_changed(uri: str, record: Path) -> None:
    """Environment and log levels are as before."""
    before = dict(os.environ), logging.getLogger("alembic").level
    publish(record, uri, prefix="steps/")
    assert before == (dict(os.environ), logging.getLogger("alembic").level)


@pytest.mark.parametrize("address", ["http://127.0.0.1:{}", "postgresql://me:secret@127.0.0.1:{}/db"])
def test_an_unreachable_server_is_a_clear_error_in_seconds(record: Path, address: str) -> None:
    """The message names the address without its password, where the record stays, and how to send it again; exit code 2."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = address.format(free.getsockname()[1])
    begun = time.monotonic()
    with pytest.raises(TrackerError, match="cannot be reached: Connection refused") as caught:
        publish(record, address)
    assert time.monotonic() - begun < 10
    assert (2, True) == (caught.value.exit_code, record.exists())
    assert f"trueto publish {record} --tracking-uri" in caught.value.hint
    assert "secret" not in str(caught.value)


def test_a_missing_driver_is_named_with_what_installs_it(record: Path) -> None:
    """A database that answers, and no package here that speaks to it: not that MLflow were missing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"postgresql+pg8000://me:secret@127.0.0.1:{server.getsockname()[1]}/db"
        with pytest.raises(TrackerError, match=r"is not installed: pg8000") as caught:
            publish(record, address)
    assert "pip install 'trueto[servers]', and begin the address with postgresql+psycopg2://" == caught.value.hint
    assert "secret" not in str(caught.value)


def test_a_server_that_is_no_mlflow_is_a_clear_error(record: Path) -> None:
    """Something that answers, but not as MLflow does, is named too, and in seconds."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")

        threading.Thread(target=answer, daemon=True).start()
        begun = time.monotonic()
        with pytest.raises(TrackerError, match="did not take the run"):
            publish(record, f"http://127.0.0.1:{server.getsockname()[1]}")
    assert time.monotonic() - begun < 30


def test_a_file_that_is_no_database_is_left_alone(record: Path) -> None:
    """A wrong path does not make MLflow try again for minutes, and the file is not touched."""
    before = record.read_bytes()
    with pytest.raises(TrackerError, match="is not a SQLite database"):
        publish(record, f"sqlite:///{record}")
    assert before == record.read_bytes()


def test_trackers_are_found_by_name() -> None:
    """A tracker is a file; a wrong name suggests the right one."""
    assert ("mlflow",) == tracker_names()
    with pytest.raises(UnknownName, match="did you mean 'mlflow'"):
        publish(Path("run.jsonl"), tracker="mlfow")


RECORDED = Path(__file__).parents[1] / "reports" / "history" / "diffusers"
MOVED = "k_diffusion/dpmpp_2m"


def releases(folder: Path, *versions: str) -> Path:
    """The records of some releases of diffusers, each with one claim only."""
    folder.mkdir(exist_ok=True)
    for version in versions:
        kept = (
            line
            for line in (RECORDED / f"{version}.jsonl").read_text().splitlines()
            if '"cell"' not in line or f'"claim":"{MOVED}"' in line
        )
        (folder / f"{version}.jsonl").write_text("\n".join(kept) + "\n")
    return folder


def test_a_history_is_a_run_a_release_and_a_curve_over_them(uri: str, tmp_path: Path) -> None:
    """A folder is published as a whole: MLflow shows at which release DPM++ 2M moved, and by how much; again changes nothing."""
    folder, told = releases(tmp_path / "diffusers", "0.25.1", "0.26.3"), list[str]()
    done = publish(folder, uri, prefix="past/", say=told.append)
    assert (3, 0, 0) == (done.created, done.completed, done.present)
    assert "[3/3] diffusers 0.26.3: 1 of 1 runs" == told[-1]
    client = mlflow.MlflowClient(tracking_uri=uri)
    found = {run.data.tags.get("version", "over"): run for run in runs(uri, "past/")}
    assert {"0.25.1", "0.26.3", "over"} == set(found)
    assert "trueto gate diffusers==0.26.3 --quick --claim k_diffusion/dpmpp_2m" == found["0.26.3"].data.tags["command"]
    curve = {m.step: m.value for m in client.get_metric_history(found["over"].info.run_id, "release_grey_levels")}
    assert [2501, 2603] == sorted(curve)
    assert curve[2501] < 2
    assert curve[2603] > 16
    assert "release_log10_ratio/schedule" in found["over"].data.metrics
    before = content(uri, "past/")
    again = publish(folder, uri, prefix="past/")
    assert (0, 0, 3, 0) == (again.created, again.completed, again.present, again.metrics)
    assert before == content(uri, "past/")


def test_a_release_that_is_added_makes_the_curve_anew(uri: str, tmp_path: Path) -> None:
    """There is always one curve over the releases, with all of them; the runs of the others stay as they are."""
    folder = releases(tmp_path / "diffusers", "0.25.1", "0.26.3")
    publish(folder, uri, prefix="more/")
    done = publish(releases(folder, "0.27.2"), uri, prefix="more/")
    assert (2, 2) == (done.created, done.present)
    over = [run for run in runs(uri, "more/") if "version" not in run.data.tags]
    assert ["3"] == [run.data.params["releases"] for run in over]


def test_a_damaged_history_sends_nothing(uri: str, tmp_path: Path) -> None:
    """Half a record is named before anything is sent; an empty folder is an error, too."""
    folder = releases(tmp_path / "diffusers", "0.25.1", "0.26.3")
    whole = (folder / "0.26.3.jsonl").read_text()
    (folder / "0.26.3.jsonl").write_text(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"0\.26\.3\.jsonl"):
        publish(folder, uri, prefix="half/")
    assert [] == runs(uri, "half/")
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="has no run record"):
        publish(tmp_path / "none", uri)


def test_one_record_of_a_release_can_be_sent_alone(uri: str, tmp_path: Path) -> None:
    """It has no steps, but verdicts, ratios by layer, and the command that repeats it."""
    done = publish(releases(tmp_path / "diffusers", "0.26.3") / "0.26.3.jsonl", uri, prefix="one/")
    assert 1 == done.created
    found = runs(uri, "one/")[0].data
    assert ("0.26.3", True) == (found.tags["version"], "worst_ratio/schedule" in found.metrics)
