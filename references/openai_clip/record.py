"""How to run OpenAI's CLIP: imports the original from a checkout and calls it, nothing more."""

import tempfile
import unicodedata
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import regex
import torch

from trueto.recording.harness import END, LENGTH, Task, import_file, prompts, stand_in


def load(source: Path):
    """The original's networks and its tokenizer, from a checkout."""
    stand_in("torchvision", "torchvision.transforms")
    tokenizer = import_file("clip.simple_tokenizer", source / "clip" / "simple_tokenizer.py")
    model = import_file("clip.model", source / "clip" / "model.py")
    return SimpleNamespace(CLIP=model.CLIP, tokenizer=tokenizer, clip=import_file("clip.clip", source / "clip" / "clip.py"))


def samples_first(value: torch.Tensor) -> torch.Tensor:
    """Of what blocks return: from (words, samples, channels) to (samples, words, channels)."""
    return value.transpose(0, 1)


def blocks(name: str, count: int) -> dict[str, str]:
    """The residual blocks of a transformer."""
    return {f"{name}.resblocks.{i}": f"{name}.resblocks.{i}" for i in range(count)}


def drive(original, name: str, task: Task) -> None:
    """Give prompts to the tokenizer, sentences to the network, or sentences and pictures."""
    if name == "tokens":
        tokens(original, task)
        return
    sizes = task.toy("clip")
    net = task.fill(original.CLIP(**sizes), "clip")
    words = task.sentences(2, sizes["context_length"], sizes["vocab_size"])
    with torch.no_grad():
        if name == "text":
            task.tap(net, blocks("transformer", sizes["transformer_layers"]), samples_first)
            task.tap(net, {"ln_final": "ln_final"})
            task.give("features", net.encode_text(words))
            return
        task.tap(net, {f"visual.{part}": f"visual.{part}" for part in ("conv1", "ln_pre", "ln_post")})
        task.tap(net, blocks("visual.transformer", sizes["vision_layers"]), samples_first)
        pictures = task.given("pictures", (2, 3, sizes["image_resolution"], sizes["image_resolution"]))
        task.tap(net, {"visual": "features"})
        task.give("logits", net(pictures, words)[0])


def own_vocabulary(original, task: Task):
    """The original's tokenizer with a small vocabulary of our own, or with the user's."""
    with tempfile.TemporaryDirectory() as folder:
        made = original.tokenizer.SimpleTokenizer(str(task.merges(Path(folder))))
    if made.encoder != task.vocabulary():
        raise ValueError("the original numbers the pieces of this vocabulary otherwise")
    return made


def tokens(original, task: Task) -> None:
    """Prompts as numbers, cut to a length; what follows the end mark, where the original has zeros, is the end mark again."""
    with ExitStack() as replaced:
        tokenizer = own_vocabulary(original, task)
        replaced.enter_context(patch.object(original.clip, "_tokenizer", tokenizer))
        if task.knobs.get("cleaning") == "nfc":
            composed = lambda text: unicodedata.normalize("NFC", text).strip()  # noqa: E731
            replaced.enter_context(patch.object(original.tokenizer, "basic_clean", composed))
        if task.knobs.get("marks") == "as_written":
            begin = tokenizer.pat.pattern.index("'s")
            tokenizer.pat = regex.compile(tokenizer.pat.pattern[begin:], regex.IGNORECASE)
        found = original.clip.tokenize(list(prompts(task.case.options["prompts"], task.case.seed)), LENGTH, truncate=True)
    end = task.vocabulary()[END]
    after = (found == end).cumsum(dim=1) > 0
    task.give("tokens", torch.where(after & (found == 0), end, found))
