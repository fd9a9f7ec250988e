"""One call of a torch function, original or candidate, whose named outputs are compared: what it is fed, and what it gives."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trueto.checkpoints import Checkpoint, Vocabulary, open_checkpoint
from trueto.errors import DataError
from trueto.fixtures.numbers import normal, parameter, whole
from trueto.fixtures.toys import toy
from trueto.fixtures.words import vocabulary, write_merges, write_tokenizer
from trueto.interpose import tensor_of, to_numpy
from trueto.model import Case
from trueto.observe import nudge_signs
from trueto.outputs import Outputs
from trueto.references.library import PARAMETERS
from trueto.torch_weights import filled, unfilled

__all__ = ["Task", "converted"]

Array = np.ndarray[Any, np.dtype[Any]]


@cache
def _shapes(file: Path) -> dict[str, dict[str, list[int]]]:
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read: {error}", f"trueto record {file.parent.name} --source DIR") from error


def _first(result: Any) -> Any:
    return result[0] if isinstance(result, tuple | list) else result


class Task:
    """What is fed to a function, and what it gives.

    `dtype` is that of floating inputs and parameters. `knobs` are the ways in which an original is run otherwise, for a variant.
    `feature` says whether a feature under test is on. `nudge` numbers a repetition in which inputs move by one unit in the last place.
    `home` is the folder of the original's codebase, where the shapes of the parameters of its toy networks are kept.
    """

    def __init__(
        self,
        case: Case,
        dtype: torch.dtype,
        home: Path,
        *,
        knobs: Mapping[str, str] | None = None,
        nudge: int | None = None,
        feature: bool = False,
        device: str = "cpu",
    ) -> None:
        self.case, self.dtype, self.device = case, dtype, device
        self.knobs = dict(knobs or {})
        self.nudge = nudge
        self.feature = feature
        self.filled: dict[str, dict[str, list[int]]] = {}
        self.home = home
        given = open_checkpoint(Path(case.weights)) if case.weights else None
        self.checkpoint = given if isinstance(given, Checkpoint) else None
        self.words = given if isinstance(given, Vocabulary) else None
        self._given: dict[str, Array] = {}
        self._effects: dict[str, int] = {}

    def given(self, name: str, shape: Iterable[int], scale: float = 1.0, offset: float = 0.0) -> torch.Tensor:
        """A named floating input, nearly normal with that standard deviation and mean, of a shape."""
        values = normal(f"{self.case.seed}/{name}", tuple(shape)) * np.float32(scale) + np.float32(offset)
        return self.moved(tensor_of(values, self.dtype, self.device))

    def moved(self, values: torch.Tensor) -> torch.Tensor:
        """The values; in a nudged repetition each by one unit in the last place away."""
        if self.nudge is None:
            return values
        signs = tensor_of(nudge_signs(self.nudge, values.numel()).reshape(tuple(values.shape)), values.dtype, self.device)
        return torch.nextafter(values, signs * float("inf"))

    def whole(self, name: str, shape: Iterable[int], high: int) -> torch.Tensor:
        """A named input of whole numbers from 0 to `high` - 1, int64."""
        return torch.from_numpy(whole(f"{self.case.seed}/{name}", tuple(shape), high)).to(self.device)

    def sentences(self, count: int, length: int, vocabulary: int) -> torch.Tensor:
        """Numbers of pieces of words (count, length): start mark, pieces, end mark (the highest number), padding as the case's options say.

        The end marks stand in other places; `padding` is `zero`, or `end` for the end mark itself.
        """
        words = self.whole("words", (count, length), vocabulary - 2)
        words[:, 0] = vocabulary - 2
        for number, row in enumerate(words):
            end = length - 1 - number - length // 4
            row[end:] = 0 if self.case.options["padding"] == "zero" else vocabulary - 1
            row[end] = vocabulary - 1
        return words

    def toy(self, model: str) -> dict[str, Any]:
        """The arguments of a toy network's constructor in the original's words, or of the checkpoint's; `model` as for `weights`."""
        if self.checkpoint is not None:
            return copy.deepcopy(dict(self.checkpoint.sizes[model]))
        return toy(model if "/" in model else f"{self.home.name}/{model}")

    def tokenizer(self, folder: Path) -> Path:
        """Put the tokenizer into a new folder, the small one of our own or that of the user's; returns the folder."""
        given = self.checkpoint or self.words
        return write_tokenizer(folder) if given is None else given.write_tokenizer(folder)

    def vocabulary(self) -> dict[str, int]:
        """Piece of a word to its number: the small one of our own, or that of the user's."""
        return vocabulary() if self.words is None else dict(self.words.pieces)

    def merges(self, folder: Path) -> Path:
        """The merges of that vocabulary as CLIP's original reads them, a gzipped file of lines whose first says nothing."""
        if self.words is not None:
            return self.words.write_merges(folder)
        return write_merges(folder / "merges.txt.gz")

    def unfilled(self) -> contextlib.AbstractContextManager[None]:
        """In which a network is made that `fill` fills: on a checkpoint of the user's without drawing numbers that nobody will see."""
        return contextlib.nullcontext() if self.checkpoint is None else unfilled()

    def fill(self, module: torch.nn.Module, model: str) -> torch.nn.Module:
        """An original's network, to evaluate, with every parameter seeded by its name, in the precision of the run; `model` names it.

        On a checkpoint of the user's the parameters are those of that; DataError where they are not exactly the network's.
        """
        if self.checkpoint is not None:
            return filled(module, self.checkpoint, self.dtype)
        shapes: dict[str, list[int]] = {}
        module.to(self.dtype)
        for name, held in module.named_parameters():
            shapes[name] = list(held.shape)
            held.data = tensor_of(parameter(f"{self.home.name}/{model}", name, tuple(held.shape)), self.dtype, self.device)
        self.filled[model] = shapes
        return module.eval()

    def weights(self, model: str) -> dict[str, torch.Tensor]:
        """The same parameters by the original's names, for a candidate to convert; DataError for a network that was not recorded.

        `model` is the name that the original's record.py filled it under, or `codebase/name` for a network of another codebase.
        """
        home, _, name = model.rpartition("/")
        file = (self.home.parent / home if home else self.home) / PARAMETERS
        known = _shapes(file)
        if name not in known:
            raise DataError(
                f"{file} has no network {name}: has {', '.join(sorted(known))}", f"trueto record {file.parent.name} --source DIR"
            )
        key = f"{file.parent.name}/{name}"
        return {part: tensor_of(parameter(key, part, tuple(shape)), self.dtype, self.device) for part, shape in known[name].items()}

    def give(self, name: str, value: Any) -> None:
        """One output: a tensor, an array or a number, which has one axis then; a name given twice gets a number. TypeError for another."""
        found = np.atleast_1d(to_numpy(value) if isinstance(value, torch.Tensor) else np.array(value))
        if found.dtype.kind not in "biuf":
            raise TypeError(f"output {name} is {type(value).__name__} of {found.dtype}, expected a tensor, an array or a number, and real")
        unique, number = name, 2
        while unique in self._given:
            unique, number = f"{name}#{number}", number + 1
        self._given[unique] = found.astype(np.int64) if found.dtype.kind in "biu" else found

    def tap(self, module: torch.nn.Module, names: Mapping[str, str], of: Callable[[Any], torch.Tensor] | None = None) -> None:
        """From now on give what these parts of a network return, in the order in which they do: path in the module to name.

        `of` makes what is given of what is returned, as samples before words; without it the first is given where several are returned.
        """
        parts = dict(module.named_modules())
        if missing := [path for path in names if path not in parts]:
            raise DataError(f"the network has no part {', '.join(missing)}", "docs/outputs.md")
        for path, name in names.items():
            parts[path].register_forward_hook(self._hook(name, of or _first))

    def _hook(self, name: str, of: Callable[[Any], torch.Tensor]) -> Any:
        def hook(_: Any, __: Any, result: Any) -> None:
            self.give(name, of(result))

        return hook

    def took_effect(self, words: str) -> None:
        """Note once more that a feature was at work, as `sliced attention called`."""
        self._effects[words] = self._effects.get(words, 0) + 1

    @property
    def outputs(self) -> Outputs:
        """Everything given so far; DataError where nothing was."""
        if not self._given:
            raise DataError(f"{self.case.id}: nothing was given", "task.give(name, tensor): docs/outputs.md")
        return Outputs(dict(self._given), effect=", ".join(f"{words}: {count}" for words, count in self._effects.items()))


def converted(net: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    """A candidate's network, to evaluate, once every number of its parameters is one of an original's; DataError names the others.

    Libraries load what they find and leave the rest as it was made: a parameter that their conversion forgot is random.
    """
    known = np.sort(np.concatenate([to_numpy(value.double()).ravel() for value in weights.values()]))

    def given(held: torch.Tensor) -> bool:
        values = np.sort(to_numpy(held.double()).ravel())  # in order, so that each look into a long table is near the last
        constant = len(values) > 1 and np.ptp(values) == 0  # a bias of zeros, a scale of ones: no toy network has one
        return not constant and bool((known[np.searchsorted(known, values).clip(max=len(known) - 1)] == values).all())

    foreign = [name for name, held in net.named_parameters() if held.is_meta or not given(held)]
    if foreign:
        said = f"the conversion leaves {len(foreign)} parameters without the original's weights: {', '.join(foreign[:3])}"
        raise DataError(said, "a conversion in the adapter that moves these too")
    return net.eval()
