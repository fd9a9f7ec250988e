"""Calling transformers' CLIP, whose tokenizer and text encoders read prompts for Stable Diffusion; imported in a worker only."""

from __future__ import annotations

import importlib
import inspect
import re
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trueto.fixtures.pictures import picture_file
from trueto.fixtures.prompts import LENGTH, prompts
from trueto.model import Case, Claim

if TYPE_CHECKING:
    from trueto.torch_run import Run
    from trueto.torch_task import Task

__all__ = ["ADAPTER", "TransformersAdapter", "named_as_in_clip"]

STYLE = "Initializing a CLIPConfig with openai/clip-vit-base-patch32 style configuration"
RENAMED = "seeded, under the names that CLIPModel has for them"
ATTENTION = "eager, sdpa and others: the function that computes attention, which must not change what it is"
# The package has no code that reads OpenAI's or open_clip's own files, which have the same names for the same parts.
# These are the names that the conversion by its authors gives them.
NAMES = (
    (r"^visual\.proj$", "visual_projection.weight"),
    (r"^text_projection$", "text_projection.weight"),
    (r"^ln_final", "text_model.final_layer_norm"),
    (r"^token_embedding", "text_model.embeddings.token_embedding"),
    (r"^positional_embedding$", "text_model.embeddings.position_embedding.weight"),
    (r"^visual\.positional_embedding$", "vision_model.embeddings.position_embedding.weight"),
    (r"^visual\.class_embedding$", "vision_model.embeddings.class_embedding"),
    (r"^visual\.conv1", "vision_model.embeddings.patch_embedding"),
    (r"^visual\.ln_pre", "vision_model.pre_layrnorm"),
    (r"^visual\.ln_post", "vision_model.post_layernorm"),
    (r"^transformer\.resblocks", "text_model.encoder.layers"),
    (r"^visual\.transformer\.resblocks", "vision_model.encoder.layers"),
    (r"\.attn\.", ".self_attn."),
    (r"\.ln_([12])\.", r".layer_norm\1."),
    (r"\.c_fc\.", ".fc1."),
    (r"\.c_proj\.", ".fc2."),
)


def named_as_in_clip(weights: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAI's parameters under the names of CLIPModel: queries, keys and values apart, projections turned."""
    found: dict[str, Any] = {}
    for original, value in weights.items():
        name = original
        for pattern, there in NAMES:
            name = re.sub(pattern, there, name)
        if ".in_proj_" in name:
            parts = zip("qkv", value.chunk(3), strict=True)
            found |= {name.replace("in_proj_", f"{part}_proj."): rows.contiguous() for part, rows in parts}
        else:
            found[name] = value.T.contiguous() if name.endswith("_projection.weight") else value
    return found


def _config(sizes: Mapping[str, Any], attention: str, activation: str) -> Any:
    """The toy network's sizes in the words of CLIPConfig."""
    shared = {"projection_dim": sizes["embed_dim"], "hidden_act": activation}
    text = {
        "vocab_size": sizes["vocab_size"],
        "hidden_size": sizes["transformer_width"],
        "intermediate_size": 4 * sizes["transformer_width"],
        "num_hidden_layers": sizes["transformer_layers"],
        "num_attention_heads": sizes["transformer_heads"],
        "max_position_embeddings": sizes["context_length"],
        "bos_token_id": sizes["vocab_size"] - 2,
        "eos_token_id": sizes["vocab_size"] - 1,
        **shared,
    }
    vision = {
        "hidden_size": sizes["vision_width"],
        "intermediate_size": 4 * sizes["vision_width"],
        "num_hidden_layers": sizes["vision_layers"],
        "num_attention_heads": sizes["vision_width"] // 64,
        "image_size": sizes["image_resolution"],
        "patch_size": sizes["vision_patch_size"],
        **shared,
    }
    found = importlib.import_module("transformers").CLIPConfig(text_config=text, vision_config=vision, projection_dim=sizes["embed_dim"])
    found._attn_implementation = attention  # noqa: SLF001 - as from_pretrained(attn_implementation=...) does
    return found


def _claim(reference: str, attention: str, activation: str = "quick_gelu") -> Claim:
    name = reference if attention == "sdpa" else f"{reference}@{attention}"
    how = {"class": "CLIPModel", "attn_implementation": attention, "hidden_act": activation, "weights": RENAMED}
    note = "" if attention == "sdpa" else ATTENTION
    return Claim(name, reference, "CLIPModel", "transformers, CLIPConfig, example", STYLE, settings={"network": how}, note=note)


TOKENS = Claim(
    "openai_clip/tokens",
    "openai_clip/tokens",
    "CLIPTokenizer",
    "transformers documentation, model_doc/clip: CLIPTokenizer",
    "Construct a CLIP tokenizer. Based on byte-level Byte-Pair-Encoding.",
    settings={
        "network": {"class": "CLIPTokenizer", "vocabulary": "a small one of our own, in the files that it reads"},
        "domain": {"texts": 500},
    },
)


PILLOW = "CLIPImageProcessorPil"  # what `CLIPImageProcessor` stands for where torchvision is not installed
UPRIGHT = "reads the file with load_image, as that of diffusers does: upright, and in red, green and blue before anything else"
PICTURES = (
    Claim(
        "openai_clip/picture",
        "openai_clip/picture",
        PILLOW,
        "transformers, CLIPVisionModel.forward, example",
        'inputs = processor(images=image, return_tensors="pt")',
        settings={"network": {"class": PILLOW, "read_by": "PIL.Image.open"}},
    ),
    Claim(
        "openai_clip/picture@load_image",
        "openai_clip/picture",
        PILLOW,
        "transformers, CLIPModel.get_image_features, example",
        "image = load_image(url)",
        settings={"network": {"class": PILLOW, "read_by": "transformers.image_utils.load_image"}},
        note=UPRIGHT,
    ),
)


class TransformersAdapter:
    """The adapter of transformers (see `trueto.candidates.Adapter`)."""

    name = "transformers"
    claims = (
        TOKENS,
        *PICTURES,
        *(_claim(f"openai_clip/{half}", attention) for half in ("text", "image") for attention in ("sdpa", "eager")),
        *(_claim(f"open_clip/{half}", "sdpa", "gelu") for half in ("text", "image")),
    )
    no_claims: Mapping[str, str] = {}
    modules = (
        "transformers.models.clip",
        "transformers.tokenization_utils_tokenizers",
        "transformers.image_processing_backends",
        "transformers.image_transforms",
    )

    def version(self) -> str:
        """The installed version, without importing the library."""
        return version("transformers")

    def load(self) -> None:
        """Import the library; the rest is for `prepare`."""
        importlib.import_module("transformers").logging.set_verbosity_error()

    def prepare(self, claim: Claim) -> None:
        """Import the claimed network."""
        getattr(importlib.import_module("transformers"), claim.implementation)

    def owns(self, filename: str) -> bool:
        """Whether a source file is transformers' own."""
        return "/transformers/" in filename and "/trueto/" not in filename

    def source(self, claim: Claim) -> str:
        """File and line of what the claimed network does."""
        claimed = getattr(importlib.import_module("transformers"), claim.implementation)
        code = inspect.unwrap(getattr(claimed, "forward", claimed.__init__)).__code__
        return f"transformers/{code.co_filename.rpartition('/transformers/')[2]}:{code.co_firstlineno}"

    def settings(self, claim: Claim, case: Case) -> Mapping[str, Any]:
        """The network, how its weights got there, and its attention; of the tokenizer its vocabulary."""
        return {**claim.settings["network"], **({"vocabulary": case.weights} if case.weights else {})}

    def sample(self, claim: Claim, run: Run, flags: Mapping[str, Any]) -> None:
        """There are no samplers in this library."""
        raise NotImplementedError(claim.id)

    def outputs(self, claim: Claim, task: Task, flags: Mapping[str, Any]) -> None:  # noqa: ARG002 - no flag concerns a network
        """Tokens of prompts; a picture read; text: what is kept of each piece and of the sentence; image: of the picture, and likeness."""
        if claim in (TOKENS, *PICTURES):
            tokens(task) if claim == TOKENS else picture(claim, task)
            return
        torch, converted = importlib.import_module("torch"), importlib.import_module("trueto.torch_task").converted
        sizes, weights = task.toy("openai_clip/clip"), task.weights("clip")  # both originals' toys have the same sizes
        chosen = claim.settings["network"]
        net = getattr(importlib.import_module("transformers"), claim.implementation)(
            _config(sizes, chosen["attn_implementation"], chosen["hidden_act"])
        ).to(task.dtype)
        net.load_state_dict(named_as_in_clip(weights), strict=False)
        converted(net, weights).to(task.device)
        words = task.sentences(2, sizes["context_length"], sizes["vocab_size"])
        with torch.no_grad():
            if claim.reference.endswith("/text"):
                layers = {f"text_model.encoder.layers.{i}": f"transformer.resblocks.{i}" for i in range(sizes["transformer_layers"])}
                task.tap(net, {**layers, "text_model.final_layer_norm": "ln_final"})
                task.give("features", net.get_text_features(words).pooler_output)
                return
            parts = {"embeddings.patch_embedding": "conv1", "pre_layrnorm": "ln_pre", "post_layernorm": "ln_post"}
            parts |= {f"encoder.layers.{i}": f"transformer.resblocks.{i}" for i in range(sizes["vision_layers"])}
            task.tap(net, {f"vision_model.{part}": f"visual.{original}" for part, original in parts.items()})
            task.tap(net, {"visual_projection": "features"})
            pictures = task.given("pictures", (2, 3, sizes["image_resolution"], sizes["image_resolution"]))
            task.give("logits", net(input_ids=words, pixel_values=pictures).logits_per_image)


def tokens(task: Task) -> None:
    """Prompts as numbers by CLIPTokenizer, cut and filled up to a length."""
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = importlib.import_module("transformers").CLIPTokenizer.from_pretrained(str(task.tokenizer(Path(folder, "tokenizer"))))
    texts = list(prompts(task.case.options["prompts"], task.case.seed))
    task.give("tokens", tokenizer(texts, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt").input_ids)


def picture(claim: Claim, task: Task) -> None:
    """A file as the image processor makes numbers of it: in 8 bits, when it has been resized and cropped, and in the end."""
    options, read_by = task.case.options, claim.settings["network"]["read_by"]
    module, _, function = read_by.rpartition(".")
    side = options["side"]
    process = getattr(importlib.import_module("transformers"), claim.implementation)(
        size={"shortest_edge": side}, crop_size={"height": side, "width": side}
    )
    with tempfile.TemporaryDirectory() as folder:
        file = picture_file(Path(folder), options["kind"], (options["width"], options["height"]))
        seen = getattr(importlib.import_module(module), function)(str(file))
        task.give("picture", process(seen, do_rescale=False, do_normalize=False, return_tensors="pt").pixel_values[0])
        task.give("pixel_values", process(seen, return_tensors="pt").pixel_values[0].to(task.dtype))


ADAPTER = TransformersAdapter()
