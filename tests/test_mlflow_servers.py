"""Publishing to MLflow over a real PostgreSQL and a real S3: once, whole, and completed after one of the servers died in the middle."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import real_servers
import serving
from publishing import runs, with_pictures

from trueto.reports import write_site
from trueto.trackers import TrackerError, publish

mlflow = pytest.importorskip("mlflow")
pytestmark = pytest.mark.slow
CLAIMS = 3
CLAIM = "k_diffusion/dpmpp_2m"
COUNTS = """
with ours as (select run_uuid, status from runs join experiments using (experiment_id) where experiments.name like '{prefix}%')
select 'runs', count(*) from ours
union all select 'finished', count(*) from ours where status = 'FINISHED'
union all select 'records', count(distinct value) from tags join ours using (run_uuid) where key = 'trueto.key'
union all select 'whole', count(*) from tags join ours using (run_uuid) where key = 'trueto.complete' and ours.status = 'FINISHED'
union all select 'datasets', count(*) from inputs join ours on run_uuid = destination_id
union all select 'params', count(*) from params join ours using (run_uuid)
union all select 'values', count(*) from metrics join ours using (run_uuid)
union all select 'points', count(distinct (run_uuid, key, step)) from metrics join ours using (run_uuid)
"""


@dataclass
class World:
    """The servers, a record to send, and the site that was made of it."""

    folder: Path
    database: real_servers.Postgres
    store: real_servers.Process
    tracking: real_servers.Process

    @property
    def record(self) -> Path:
        """A run of three claims, one of them with pictures."""
        return self.folder / "run.jsonl"

    @property
    def uri(self) -> str:
        """MLflow's own tracking server."""
        return real_servers.address(self.tracking)

    def send(self, prefix: str, uri: str = "") -> Any:
        """Publish the record with its pages."""
        return publish(self.record, uri or self.uri, prefix=prefix, site=self.folder / "reports")

    def counts(self, prefix: str) -> dict[str, int]:
        """What PostgreSQL itself says that it has."""
        return {name: int(number) for name, number in (row.split("|") for row in self.database.rows(COUNTS.format(prefix=prefix)))}

    def artifacts(self, prefix: str) -> dict[str, dict[str, bytes]]:
        """By run, each file that lies in S3."""
        top = self.folder / "s3" / real_servers.BUCKET
        places = {run.info.run_id: next(top.rglob(f"{run.info.run_id}/artifacts")) for run in runs(self.uri, prefix)}
        return {run: contents(place) for run, place in places.items()}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """PostgreSQL, S3 and MLflow's server; where they are not installed the tests are skipped, in CI only if it says why."""
    if lacking := real_servers.missing():
        if why := os.environ.get("NO_SERVERS"):
            pytest.skip(why)
        if os.environ.get("CI"):
            pytest.fail(lacking)
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("servers")
    with (
        real_servers.postgres() as database,
        real_servers.s3(folder / "s3") as store,
        real_servers.mlflow_server(database, store, folder) as tracking,
    ):
        found = World(folder, database, store, tracking)
        write_site(with_pictures(found.record, claims=CLAIMS), folder / "reports")
        tracking.ready()
        yield found


@pytest.fixture(scope="module")
def whole(world: World) -> dict[str, int]:
    """What is there where everything was sent at once."""
    done = world.send("whole/")
    assert (CLAIMS, 0, 0) == (done.created, done.completed, done.present)
    return {**world.counts("whole/"), "values": done.metrics, "points": done.metrics}


def test_everything_is_there_once(world: World, whole: dict[str, int]) -> None:
    """A run for each claim in PostgreSQL, whole, with its two datasets and each value; the command finds all there."""
    counts = world.counts("whole/")
    assert whole == counts
    assert {"runs": CLAIMS, "finished": CLAIMS, "records": CLAIMS, "whole": CLAIMS, "datasets": 2 * CLAIMS}.items() <= counts.items()
    world.send("")
    before = world.counts(""), world.artifacts("")
    command = [sys.executable, "-m", "trueto", "publish", str(world.record), "--tracking-uri", world.uri]
    again = subprocess.run(command, cwd=world.folder, capture_output=True, text=True, timeout=120, check=True)
    assert f"0 runs published, 0 completed, {CLAIMS} there already (0 values)" in again.stdout
    assert before == (world.counts(""), world.artifacts(""))


def test_files_come_back_as_they_were_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells, page, plot and pictures lie in S3, and MLflow gives them back, byte for byte; only the server knows the keys of S3."""
    sent, real = dict[str, dict[str, bytes]](), mlflow.MlflowClient.log_artifacts

    def noted(self: Any, run_id: str, local_dir: str, *args: Any) -> None:
        sent[run_id] = contents(Path(local_dir))
        real(self, run_id, local_dir, *args)

    monkeypatch.setattr(mlflow.MlflowClient, "log_artifacts", noted)
    world.send("files/")
    client = mlflow.MlflowClient(tracking_uri=world.uri)
    for run_id in sent:
        (world.folder / "back" / run_id).mkdir(parents=True)
        client.download_artifacts(run_id, "", str(world.folder / "back" / run_id))
    assert sent == world.artifacts("files/")
    assert sent == {run_id: contents(world.folder / "back" / run_id) for run_id in sent}
    names = {name for files in sent.values() for name in files}
    assert {"cells.json", "k_diffusion-dpmpp_2m.html", "k_diffusion-dpmpp_2m.svg"} <= names
    assert any(name.startswith("images/") and name.endswith(".png") for name in names)


def cut_short(world: World, monkeypatch: pytest.MonkeyPatch, method: str, call: int, die: Callable[[], None], prefix: str) -> str:
    """Publish while a server dies just before one call; what was said."""
    real, calls = getattr(mlflow.MlflowClient, method), 0

    def dying(self: Any, *args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            die()
        return real(self, *args, **options)

    before = world.record.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr("trueto.trackers.mlflow.BATCH", 20)  # each run in several pieces
        patched.setattr(mlflow.MlflowClient, method, dying)
        with pytest.raises(TrackerError) as caught:
            world.send(prefix)
    assert before == world.record.read_bytes()
    assert f"The run record stays in {world.record}" in str(caught.value)
    assert f"trueto publish {world.record} --tracking-uri {world.uri}" == caught.value.hint
    assert real_servers.PASSWORD not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("name", "method", "call"), [("database", "log_batch", 5), ("store", "log_artifacts", 2)])
def test_a_store_that_dies_in_the_middle(
    world: World, whole: dict[str, int], monkeypatch: pytest.MonkeyPatch, name: str, method: str, call: int
) -> None:
    """PostgreSQL between two pieces of a run, S3 after the first: an error, and when it is back the rest is sent, nothing twice."""
    server: real_servers.Process = getattr(world, name)
    prefix = f"{name}/"
    cut_short(world, monkeypatch, method, call, server.kill, prefix)
    server.start()
    server.ready()
    assert world.counts(prefix)["whole"] < CLAIMS
    done = world.send(prefix)
    assert (1, CLAIMS) == (done.completed, done.created + done.completed + done.present)
    assert whole == world.counts(prefix)
    assert sorted(world.artifacts("whole/").values(), key=str) == sorted(world.artifacts(prefix).values(), key=str)


def test_a_tracking_server_that_dies_and_comes_back_as_trueto_serve(
    world: World, whole: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's server is gone in the middle of the second run; `trueto serve` over the same stores takes the rest, and opens the curves."""
    said = cut_short(world, monkeypatch, "log_batch", 12, world.tracking.kill, "tracking/")
    assert "MLflow at" in said
    interrupted = world.counts("tracking/")
    assert interrupted["whole"] < CLAIMS
    assert interrupted["values"] < whole["values"]
    options = ("--tracking-uri", world.database.uri, "--artifacts", f"s3://{real_servers.BUCKET}/artifacts")
    with serving.served(world.folder, *options, port=world.tracking.port, **real_servers.storage(world.store)) as found:
        assert real_servers.PASSWORD not in found.said
        done = world.send("tracking/")
        assert (1, CLAIMS) == (done.completed, done.created + done.completed + done.present)
        assert whole == world.counts("tracking/")
        assert sorted(world.artifacts("whole/").values(), key=str) == sorted(world.artifacts("tracking/").values(), key=str)
        assert 302 == found.get(f"/drift/open?claim={CLAIM}")[0]
        assert 0 == world.send("tracking/").metrics
