"""How to run open_clip: imports the original from a checkout and calls it, nothing more."""

from pathlib import Path

import torch

from trueto.recording.harness import Task, import_file, stand_in

UNUSED = ("torchvision", "torchvision.ops", "torchvision.ops.misc", "timm", "timm.models", "timm.layers", "transformers")


def load(source: Path):
    """The original's file of networks, from a checkout."""
    stand_in(*UNUSED)
    return import_file("open_clip.model", source / "src" / "open_clip" / "model.py")


def drive(original, name: str, task: Task) -> None:
    """Give sentences to the network, or sentences and pictures."""
    sizes = task.toy("clip")
    text, vision = sizes["text_cfg"], sizes["vision_cfg"]
    net = task.fill(original.CLIP(**sizes), "clip")
    words = task.sentences(2, text["context_length"], text["vocab_size"])
    with torch.no_grad():
        if name == "text":
            blocks = [f"transformer.resblocks.{i}" for i in range(text["layers"])]
            task.tap(net, {path: path for path in (*blocks, "ln_final")})
            task.give("features", net.encode_text(words))
            return
        blocks = [f"visual.transformer.resblocks.{i}" for i in range(vision["layers"])]
        task.tap(net, {path: path for path in ("visual.conv1", "visual.ln_pre", *blocks)})
        task.tap(net, {"visual.ln_post": "visual.ln_post"}, lambda rows: rows[:, 0])  # of the others nothing is used
        task.tap(net, {"visual": "features"})
        pictures = task.given("pictures", (2, 3, vision["image_size"], vision["image_size"]))
        image, sentence, scale = net(pictures, words)
        task.give("logits", scale * image @ sentence.T)
