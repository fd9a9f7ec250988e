"""`trueto serve` as a user types it: one server with MLflow and the site, safe, ended by Ctrl-C, and clear where it cannot start."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from urllib.parse import unquote

import pytest
import records
import serving
from support import trueto

from trueto.reports import write_site
from trueto.trackers import publish

pytest.importorskip("mlflow")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two versions in MLflow, and the site of the newer."""
    folder = tmp_path_factory.mktemp("serve")
    for version in ("1.0", "1.1"):
        header = records.header(id=version, version=version)
        run = records.write(folder / f"{version}.jsonl", [header, *records.events(claims=3, cases=("karras-20", "model-20"))[1:]])
        publish(run, f"sqlite:///{folder}/mlflow.db")
    write_site(run, folder / "reports")
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[serving.Served]:
    """One server for the tests that only ask."""
    with serving.served(folder) as found:
        yield found


def test_both_are_served_by_one_server(server: serving.Served, folder: Path) -> None:
    """It says both addresses; the page is the file with links, and MLflow's own pages and interface answer beside it."""
    assert f"drift   {server.address}/drift/" in server.said
    assert f"MLflow  {server.address}" in server.said
    status, headers, body = server.get("/drift/")
    assert (200, "text/html; charset=utf-8") == (status, headers["content-type"])
    assert re.sub(rb"<!--mlflow:[^>]*-->", b"", (folder / "reports" / "index.html").read_bytes()) == re.sub(
        rb'<p class="gateway">.*?</p>', b"", body
    )
    assert (302, True) == ((enter := server.get("/drift"))[0], enter[1]["location"].endswith("drift/"))
    assert b"<title>MLflow</title>" in server.get("/")[2]
    assert (200, b"OK") == server.get("/health")[::2]


def test_a_claim_opens_its_curves_in_mlflow(server: serving.Served) -> None:
    """The link on a claim's page leads to drift per step with a curve for each version, and by layer; without a run there is a page."""
    page = server.get("/drift/claims/k_diffusion-dpmpp_2m.html")[2].decode()
    address = re.search(r'href="\.\./(open\?claim=[^"]+)"', page)
    assert address
    status, headers, _ = server.get(f"/drift/{address[1]}")
    assert (302, True) == (status, headers["location"].startswith("/#/metric?runs="))
    asked = unquote(headers["location"])
    assert 2 == len(re.findall(r'"[0-9a-f]{32}"', asked))
    assert 'metric="original_ratio/trajectory"' in asked
    assert 'metric="ratio/schedule"' in unquote(server.get(f"/drift/{address[1]}&layer=schedule")[1]["location"])
    status, _, body = server.get("/drift/open?claim=%3Cimg%20src%3Dx%3E'%20or%20'")
    assert (404, True, False) == (status, b"trueto publish" in body, b"<img" in body)


def test_checks_of_host_and_origin_stay_on(server: serving.Served) -> None:
    """MLflow's guard stands before the page too: another name is refused, as is a write from another place."""
    assert 403 == server.get("/drift/", Host="evil.example")[0]
    assert "access-control-allow-origin" not in server.get("/drift/", Origin="http://evil.example")[1]
    assert {"nosniff", "SAMEORIGIN"} <= set(server.get("/drift/")[1].values())


@pytest.mark.parametrize("path", ["/drift/../mlflow.db", "/drift/..%2f..%2fmlflow.db", "/drift/%2e%2e/1.0.jsonl", "/drift//etc/passwd"])
def test_no_way_leads_out(server: serving.Served, path: str) -> None:
    """What lies beside the site is not served, whichever way it is asked for."""
    assert server.get(path)[0] in {404, 308}
    assert b"SQLite format" not in server.get(path)[2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_or_a_closed_terminal_ends_everything(folder: Path, number: int) -> None:
    """It ends with exit code 0, says so, and leaves no process and no open port."""
    with serving.served(folder) as found:
        port = int(found.address.rpartition(":")[2])
        code, rest = serving.end(found.process, number)
    assert (0, "ended") == (code, rest.strip())
    socket.create_server(("127.0.0.1", port)).close()


def refused(folder: Path, *options: str, **more: str) -> str:
    """What `trueto serve` says where it does not start."""
    command = [sys.executable, "-m", "trueto", "serve", *options]
    done = subprocess.run(
        command, cwd=folder, env=serving.environment(folder, **more), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode in {2, 4}, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_port_in_use_names_a_free_one(folder: Path) -> None:
    """At once, before MLflow starts."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = refused(folder, "--port", str(taken.getsockname()[1]))
    assert "cannot be used: Address already in use" in said
    assert re.search(r"try: trueto serve --port \d+", said)


def test_without_mlflow_it_says_what_to_install(folder: Path, tmp_path: Path) -> None:
    """An environment without MLflow is told how to get it."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['mlflow'] = None\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    assert "try: pip install 'trueto[mlflow]'" in refused(folder, PYTHONPATH=path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tracking-uri", "http://127.0.0.1:5000"), "is an MLflow server"),
        (("--tracking-uri", "mlruns"), "is no database that MLflow can use"),
        (("--tracking-uri", "sqlite:///1.0.jsonl"), "is not a SQLite database"),
        (("--tracking-uri", "postgresql://me:secret@127.0.0.1:1/db"), "cannot be used: Connection refused"),
        (("--site", "nowhere"), "there is no folder nowhere"),
    ],
)
def test_what_cannot_be_served_is_said(folder: Path, options: tuple[str, ...], said: str) -> None:
    """Wrong stores and folders, in seconds, without a password."""
    seen = refused(folder, "--port", str(serving.free_port()), *options)
    assert said in seen
    assert "secret" not in seen


def test_a_database_of_an_older_mlflow_is_said(folder: Path, tmp_path: Path) -> None:
    """The message names the command that brings it up to date, and the database is left as it was."""
    shutil.copy(folder / "mlflow.db", tmp_path)
    with sqlite3.connect(tmp_path / "mlflow.db") as store:
        store.execute("update alembic_version set version_num = 'bd07f7e963c5'")
    store.close()
    before = (tmp_path / "mlflow.db").read_bytes()
    said = refused(tmp_path, "--port", str(serving.free_port()))
    assert "made by an older MLflow" in said
    assert "try: mlflow db upgrade sqlite:///mlflow.db" in said
    sent = trueto("publish", str(folder / "1.1.jsonl"), cwd=tmp_path)
    assert (2, True) == (sent.returncode, "made by an older MLflow. The run record stays in" in sent.stderr), sent.stderr
    assert "try: mlflow db upgrade sqlite:///mlflow.db" in sent.stderr
    assert before == (tmp_path / "mlflow.db").read_bytes()
    with sqlite3.connect(tmp_path / "mlflow.db") as store:
        store.execute("update alembic_version set version_num = 'ffffffffffff'")
    store.close()
    newer = trueto("publish", str(folder / "1.1.jsonl"), cwd=tmp_path)
    assert ("made by a newer MLflow" in newer.stderr, "try: pip install -U mlflow" in newer.stderr) == (True, True), newer.stderr


def test_names_and_passwords_are_asked_for_by_both(tmp_path: Path, folder: Path) -> None:
    """With --auth nothing of MLflow or of the site is served to somebody who has not said who he is."""
    pytest.importorskip("flask_wtf", reason="MLflow's authentication is not installed (pip install 'mlflow[auth]')")
    shutil.copy(folder / "mlflow.db", tmp_path)
    shutil.copytree(folder / "reports", tmp_path / "reports")
    secret = {"MLFLOW_FLASK_SERVER_SECRET_KEY": "a-key-of-this-test", "MLFLOW_AUTH_ADMIN_PASSWORD": "a-password-of-this-test"}
    shipped = Path(str(resources.files("mlflow.server.auth") / "basic_auth.ini")).read_text()
    (tmp_path / "auth.ini").write_text(shipped.replace("default_permission = READ", "default_permission = NO_PERMISSIONS"))
    secret["MLFLOW_AUTH_CONFIG_PATH"] = str(tmp_path / "auth.ini")
    with serving.served(tmp_path, "--auth", **secret) as found:
        wrong, right = (basic("admin", word) for word in ("wrong", secret["MLFLOW_AUTH_ADMIN_PASSWORD"]))
        claim = "/drift/claims/k_diffusion-dpmpp_2m.html"
        for path, answer in {"/drift/": 200, claim: 200, "/drift/open?claim=k_diffusion/dpmpp_2m": 302, "/": 200}.items():
            status, headers, body = found.get(path)
            assert (401, True, False) == (status, headers["www-authenticate"].startswith("Basic"), b"DPM++" in body)
            assert 401 == found.get(path, Authorization=wrong)[0]
            assert answer == found.get(path, Authorization=right)[0]
        # permissions are MLflow's: who may see no experiment reads the report all the same, and nothing of the experiment in MLflow
        reader, api = {"username": "reader", "password": "another-password-of-this-test"}, "/api/2.0/mlflow"
        assert 200 == post(found, f"{api}/users/create", right, reader)
        theirs, asked = basic(*reader.values()), f"{api}/experiments/get-by-name?experiment_name=k_diffusion/dpmpp_2m"
        number = json.loads(found.get(asked, Authorization=right)[2])["experiment"]["experiment_id"]
        assert 403 == found.get(asked, Authorization=theirs)[0]
        assert 200 == found.get(claim, Authorization=theirs)[0]
        grant = {"username": "reader", "resource_type": "experiment", "resource_id": number, "permission": "READ"}
        assert 200 == post(found, "/api/3.0/mlflow/users/permissions/grant", right, grant)
        assert 200 == found.get(asked, Authorization=theirs)[0]


def basic(name: str, password: str) -> str:
    """Who somebody is, as a browser says it."""
    return f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"


def post(server: serving.Served, path: str, who: str, content: dict[str, str]) -> int:
    """Ask MLflow to change something; the status."""
    headers = {"Content-Type": "application/json", "Authorization": who}
    request = urllib.request.Request(f"{server.address}{path}", json.dumps(content).encode(), headers)  # noqa: S310 - an address of this machine
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_without_a_report_the_page_says_what_to_type(tmp_path: Path, folder: Path) -> None:
    """An empty folder is served too: with a page that tells a new user how to begin."""
    shutil.copy(folder / "mlflow.db", tmp_path)
    with serving.served(tmp_path) as found:
        assert "trueto gate diffusers --quick" in found.said
        assert "history" not in found.said
        assert b"Nothing has been judged yet" in found.get("/drift/")[2]
