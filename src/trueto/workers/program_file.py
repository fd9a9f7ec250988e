"""The file that names a candidate written in any language: how its program is started, and what it claims (docs/any-language.md)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trueto.errors import UnknownName, UsageError
from trueto.model import LAYERS, SAMPLER_LAYERS, Claim, Layer

__all__ = ["ProgramFile", "read_program"]

HELP = "docs/any-language.md"
KEYS = ("name", "command", "claim", "no_claims")
CLAIM_KEYS = ("id", "reference", "implementation", "source", "quote", "cases", "grids", "parameterizations", "options", "layers", "note")
NEEDED = ("reference", "source", "quote")
# A program has torch's generator only if it brings its own, so that layer noise is judged only where a claim names it.
LAYERS_OF_PROGRAMS = tuple(layer for layer in SAMPLER_LAYERS if layer is not Layer.NOISE)


@dataclass(frozen=True, slots=True)
class ProgramFile:
    """What a program's file says: `command` is started in `folder`."""

    name: str
    folder: Path
    command: tuple[str, ...]
    claims: tuple[Claim, ...]
    no_claims: Mapping[str, str]


def read_program(path: Path) -> ProgramFile:
    """Read and check it; UsageError with what is wrong, where, and what would be right."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}", HELP) from error
    _known(path, data, KEYS)
    command, claims = data.get("command"), data.get("claim", [])
    if not isinstance(command, list) or not command or not all(isinstance(word, str) for word in command):
        raise UsageError(f'{path}: command is {command!r}, expected a list of words, as command = ["node", "sampler.mjs"]', HELP)
    if not isinstance(claims, list) or not claims:
        raise UsageError(f"{path} claims nothing: expected at least one [[claim]]", HELP)
    name = str(data.get("name", path.stem))
    return ProgramFile(name, path.resolve().parent, tuple(command), tuple(_claim(path, c) for c in claims), data.get("no_claims", {}))


def _known(path: Path, data: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    for key in data:
        if key not in keys:
            raise UnknownName(f"key in {path}", key, keys, HELP)


def _claim(path: Path, data: Mapping[str, Any]) -> Claim:
    _known(path, data, CLAIM_KEYS)
    missing = [key for key in NEEDED if not isinstance(data.get(key), str)]
    if missing:
        raise UsageError(f"{path}: a [[claim]] lacks {', '.join(missing)}", HELP)
    layers = data.get("layers", list(LAYERS_OF_PROGRAMS))
    for layer in layers:
        if layer not in SAMPLER_LAYERS:
            raise UnknownName(f"layer in {path}", layer, LAYERS[: len(SAMPLER_LAYERS)], HELP)
    named = {"grids": data.get("grids", []), "parameterizations": data.get("parameterizations", []), "options": data.get("options", [])}
    settings = {key: {name: {} for name in names} for key, names in {**named, "layers": layers}.items()}
    return Claim(
        id=data.get("id", data["reference"]),
        reference=data["reference"],
        implementation=data.get("implementation", data["reference"].partition("/")[2]),
        source=data["source"],
        quote=data["quote"],
        cases=tuple(data.get("cases", ["*"])),
        settings=settings,
        note=data.get("note", ""),
    )
