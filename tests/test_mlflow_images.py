"""Pictures of a run in MLflow: an image a step, once, and nothing but pictures."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from publishing import content, runs, with_pictures

from trueto.trackers import TrackerError, publish

mlflow = pytest.importorskip("mlflow")


@pytest.fixture(scope="session")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One SQLite store for all tests here; they keep apart by prefix."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


def images(uri: str, prefix: str) -> dict[tuple[str, int], np.ndarray]:
    """The whole images of a run in MLflow by key and step."""
    client = mlflow.MlflowClient(tracking_uri=uri)
    (run,) = runs(uri, prefix)
    assert "true" == run.data.tags["mlflow.loggedImages"]
    found = {}
    for path in (item.path for item in client.list_artifacts(run.info.run_id, "images")):
        key, _, step, _, _, _, *small = Path(path).stem.split("+")
        assert ([".webp"] if small else [".png"]) == [Path(path).suffix]
        if not small:
            found[key, int(step)] = np.asarray(Image.open(client.download_artifacts(run.info.run_id, path)))
    return found


def test_a_strip_of_latents_is_an_image_a_step(uri: str, tmp_path: Path) -> None:
    """Each latent has its own step, large enough to be looked at, and the strip is step 0; a picture is step 0, too."""
    record = with_pictures(tmp_path / "run.jsonl")
    publish(record, uri, prefix="images/")
    found = images(uri, "images/")
    wanted = [("latents", 0), ("latents", 1), ("latents", 25), ("latents", 50), ("image", 0)]
    parts = ("original", "candidate", "difference")
    assert {(f"karras-20~{name}~{part}", step) for part in parts for name, step in wanted} == set(found)
    assert (64, 128, 3) == found["karras-20~latents~original", 25].shape
    assert [255, 0, 0] == np.unique(found["karras-20~latents~original", 25].reshape(-1, 3), axis=0)[0].tolist()
    assert {128} == set(found["karras-20~latents~original", 50].reshape(-1).tolist())
    before = content(uri, "images/"), sorted(found)
    publish(record, uri, prefix="images/")
    assert before == (content(uri, "images/"), sorted(images(uri, "images/")))


def test_images_cut_short_are_not_there_twice(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sending that dies after the images is completed; the second names the files as the first did."""
    record, real = with_pictures(tmp_path / "run.jsonl"), mlflow.MlflowClient.set_terminated

    def dying(*_: Any, **__: Any) -> None:
        raise ConnectionResetError("the server went away")

    monkeypatch.setattr(mlflow.MlflowClient, "set_terminated", dying)
    with pytest.raises(TrackerError, match="the server went away"):
        publish(record, uri, prefix="twice/")
    monkeypatch.setattr(mlflow.MlflowClient, "set_terminated", real)
    publish(record, uri, prefix="twice/")
    client = mlflow.MlflowClient(tracking_uri=uri)
    assert 2 * len(images(uri, "twice/")) == len(client.list_artifacts(runs(uri, "twice/")[0].info.run_id, "images"))


@pytest.mark.parametrize("steps", [None, [1, 2, 3, 4], "1", [], [1.5, 2, 3]])
def test_a_strip_without_its_steps_is_one_image(uri: str, tmp_path: Path, steps: Any) -> None:
    """Records that do not say them, or say something that does not fit, are shown as a whole."""
    prefix = f"strip-{str(steps)[:4]}/"
    publish(with_pictures(tmp_path / "run.jsonl", steps=steps), uri, prefix=prefix)
    assert [("karras-20~latents~candidate", 0)] == [found for found in images(uri, prefix) if found[0] == "karras-20~latents~candidate"]


def test_what_is_no_picture_is_left_out(uri: str, tmp_path: Path) -> None:
    """Text, a number, a picture of another kind and one that is far too large; the others are sent."""
    large = io.BytesIO()
    Image.new("L", (4000, 4000)).save(large, "PNG")
    gif = io.BytesIO()
    Image.new("L", (4, 4)).save(gif, "GIF")
    bad = {"original": base64.b64encode(large.getvalue()).decode(), "candidate": base64.b64encode(gif.getvalue()).decode(), "difference": 7}
    publish(with_pictures(tmp_path / "run.jsonl", **bad), uri, prefix="spoiled/")
    assert {f"karras-20~image~{part}" for part in ("original", "candidate", "difference")} == {key for key, _ in images(uri, "spoiled/")}
