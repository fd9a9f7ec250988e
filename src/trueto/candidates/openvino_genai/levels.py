"""The noise levels of a scheduler of openvino-genai, which shows none: how it mixes a picture with noise; imported in a worker."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trueto.candidates.openvino_genai.folder import Asked

__all__ = ["Levels"]

WHITE = 255


class Levels:
    """Noise levels sigma / alpha at training times, measured when they are asked for.

    In a lone step of image to image at a time, from a white picture and no noise the network is given alpha, from a black picture and a
    noise of ones sigma, both over sqrt(alpha^2 + sigma^2).
    """

    def __init__(self, pipeline: Any, asked: Asked, file: Path, scheduler: Mapping[str, Any]) -> None:
        """Of the scheduler of a configuration; `pipeline` is one from images, `file` a place for other configurations of its betas."""
        self._pipeline, self._asked, self._file, self._scheduler = pipeline, asked, file, scheduler
        self._known: dict[int, float] = {}

    def at(self, time: int) -> float:
        """The level at a training time; infinite where nothing of the picture is left."""
        if time not in self._known:
            lone, part = _lone_step(self._scheduler, time)
            self._file.write_text(json.dumps(lone))
            self._pipeline.set_scheduler(importlib.import_module("openvino_genai").Scheduler.from_config(self._file))
            sigma, alpha = self._mixed(time, part, 0, 1.0), self._mixed(time, part, WHITE, 0.0)
            self._known[time] = sigma / alpha if alpha else float("inf")
        return self._known[time]

    def _mixed(self, time: int, part: float, grey: int, noise: float) -> float:
        openvino, seen = importlib.import_module("openvino"), list[tuple[int, float]]()

        def network(x: Any, t: Any, _: Any) -> Any:
            seen.append((int(t[0]), float(x.ravel()[0])))
            return np.zeros_like(x)

        picture = openvino.Tensor(np.full((1, 1, 1, 3), grey, np.uint8))
        said = {"num_inference_steps": 1, "strength": part, "guidance_scale": 1.0, "generator": _everywhere(noise)}
        self._asked.generate(network, np.array, self._pipeline, "", picture, **said)
        told, value = seen[0]
        if told != time:
            raise RuntimeError(f"asked about time {time}, the scheduler told the network {told}")
        return value


def _lone_step(scheduler: Mapping[str, Any], time: int) -> tuple[dict[str, Any], float]:
    """A configuration on the same betas whose lone step is at a training time, and the part of the steps to ask for."""
    if scheduler["_class_name"] == "LCMScheduler":
        times = scheduler["num_train_timesteps"]
        return {**scheduler, "original_inference_steps": times}, min(1.0, (time + 1.5) / times)
    return {**scheduler, "timestep_spacing": "leading", "steps_offset": time}, 1.0


def _everywhere(value: float) -> Any:
    """A generator of the same number everywhere."""
    openvino, genai = (importlib.import_module(name) for name in ("openvino", "openvino_genai"))

    class Everywhere(genai.Generator):
        def randn_tensor(self, shape: Any) -> Any:
            return openvino.Tensor(np.full(tuple(shape), value, np.float32))

    return Everywhere()
