"""How to run OpenAI's CLIP: imports the original from a checkout and calls it, nothing more."""

from pathlib import Path

import torch

from trueto.recording.harness import Task, import_file


def load(source: Path):
    """The original's file of networks, from a checkout."""
    return import_file("clip_model", source / "clip" / "model.py")


def samples_first(value: torch.Tensor) -> torch.Tensor:
    """Of what blocks return: from (words, samples, channels) to (samples, words, channels)."""
    return value.transpose(0, 1)


def blocks(name: str, count: int) -> dict[str, str]:
    """The residual blocks of a transformer."""
    return {f"{name}.resblocks.{i}": f"{name}.resblocks.{i}" for i in range(count)}


def drive(original, name: str, task: Task) -> None:
    """Give sentences to the network, or sentences and pictures."""
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
