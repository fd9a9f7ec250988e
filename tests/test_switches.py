"""Switches of diffusers that must leave Y as it is: one that does nothing is not judged, one that changes Y is an undeclared difference."""

import contextlib
import shutil
from dataclasses import replace

import pytest

from trueto.candidates import ledger_path
from trueto.ledger import Ledger, load_ledger
from trueto.model import Cell, Layer, Verdict
from trueto.references import reference
from trueto.running.client import Outcome
from trueto.running.outputs import Calls, judge_outputs
from trueto.running.profiles import profile
from trueto.torch_task import Task

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from diffusers.hooks import group_offloading  # noqa: E402 - after the check that it is there
from diffusers.models import attention_processor  # noqa: E402 - after the check that it is there

from trueto.candidates.diffusers import ADAPTER  # noqa: E402
from trueto.interpose import TORCH_OF, Interposer  # noqa: E402

UNET, AUTOENCODER = diffusers.UNet2DConditionModel, diffusers.AutoencoderKL


@pytest.fixture(autouse=True)
def one_thread():
    """As in a worker."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def call(claim, case, dtype, *, feature):
    """One call with the switch on or off."""
    task = Task(case, TORCH_OF[dtype], reference(claim.reference).codebase.folder, feature=feature)
    torch.set_default_dtype(TORCH_OF[dtype])
    try:
        with Interposer(None, torch.float64) if dtype == "float64" else contextlib.nullcontext():
            ADAPTER.outputs(claim, task, {})
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_num_threads(1)
    return Outcome(None, outputs=task.outputs)


def judged(claim_id, ledger=None, number=0, *, twin=False, **options):
    """The verdict on one of a claim's cases, the first unless said otherwise, with other options; in native precision, or with its twin."""
    claim = next(claim for claim in ADAPTER.claims if claim.id == claim_id)
    case = [case for case in reference(claim.reference).cases if case.id.startswith(claim.cases[0].strip("*"))][number]
    case = replace(case, options={**case.options, **options})

    def plain():
        return call(claim, case, "float32", feature=False), call(claim, case, "float64", feature=False)

    cell = Cell("diffusers", claim, case, Layer.INVARIANCE, "default")
    calls = Calls(call(claim, case, "float32", feature=True), call(claim, case, "float64", feature=True) if twin else None, plain)
    return judge_outputs(cell, "0", reference(claim.reference), profile("default"), calls, ledger or Ledger("", "diffusers", ()))


def nothing(*_, **__):
    """A switch that does nothing."""


@pytest.mark.parametrize(
    ("claim", "home", "name"),
    [
        ("attention_slicing@unet", UNET, "set_attention_slice"),
        ("attention_processors@autoencoder", AUTOENCODER, "set_attn_processor"),
        ("qkv_fusion@autoencoder", AUTOENCODER, "fuse_qkv_projections"),
        ("vae_slicing@autoencoder", AUTOENCODER, "enable_slicing"),
        ("vae_tiling@autoencoder", AUTOENCODER, "enable_tiling"),
        ("channels_last@autoencoder", torch.nn.Module, "to"),
        ("gradient_checkpointing@autoencoder", AUTOENCODER, "enable_gradient_checkpointing"),
        ("threads@autoencoder", torch, "set_num_threads"),
        ("compiled_blocks@unet", UNET, "compile_repeated_blocks"),
        ("compiled_networks@unet", torch, "compile"),
        ("compiled_networks@autoencoder", torch, "compile"),
        ("group_offload@unet", UNET, "enable_group_offload"),
    ],
)
def test_a_switch_that_does_nothing_is_not_judged(claim, home, name, monkeypatch):
    """Asking for a feature is no proof of it: where nothing happens, the cell is unjudged, although Y is the same to the last bit."""
    monkeypatch.setattr(home, name, (lambda self, *_, **__: self) if name in ("to", "compile") else nothing)
    found = judged(f"features/{claim}")
    assert (Verdict.UNJUDGED, "no effect") == (found.verdict, found.cause), found.reason


def twice(function):
    """A function whose result is a thousandth larger."""

    def wrong(*args, **kwargs):
        return function(*args, **kwargs) * 1.001

    return wrong


def only_the_first(self):
    """A slicing that decodes the first picture for all."""
    whole = self._decode
    self.use_slicing = True
    first = []

    def decode(z, **said):
        first.append(z)
        return whole(first[0], **said)

    self._decode = decode


def fused_wrongly(self, fuse):
    """Queries and keys change places, and one is larger."""
    right(self, fuse)
    if hasattr(self, "to_qkv"):
        rows = self.to_qkv.weight.data.chunk(3)
        self.to_qkv.weight.data = torch.cat([rows[1], rows[0] * 1.001, rows[2]])


right = attention_processor.Attention.fuse_projections


def compiled_wrongly(self, backend, **said):
    """A compiler whose programs are a thousandth off."""

    def compiler(graph, given):
        program = backend(graph, given)
        return lambda *args: tuple(value * 1.001 for value in program(*args))

    whole_compile(self, backend=compiler, **said)


whole_compile, network_compile = UNET.compile_repeated_blocks, torch.compile


def network_compiled_wrongly(function, **said):
    """The same of whole networks: what is compiled returns a thousandth more."""
    compiled = network_compile(function, **said)
    return lambda *args, **kwargs: type(found := compiled(*args, **kwargs))(found.sample * 1.001)


def brought_in_wrongly(self):
    """Weights that come back from their file a thousandth larger."""
    onload(self)
    for tensor in self.key_to_tensor.values():
        tensor.data *= 1.001


onload = group_offloading.ModuleGroup._onload_from_disk


def forgetful(self):
    """Checkpointing that computes a block from something else on the way back."""
    from torch.utils.checkpoint import checkpoint

    def again(module, *args):
        computed = []  # of this block in this pass: first on the way there, then on the way back

        def run(*given):
            computed.append(module)
            return module(given[0] * (1.0 if len(computed) == 1 else 1.001), *given[1:])

        return checkpoint(run, *args, use_reentrant=False)

    self._set_gradient_checkpointing(enable=True, gradient_checkpointing_func=again)


@pytest.mark.parametrize(
    ("claim", "home", "name", "fault", "first"),
    [
        ("attention_slicing@unet", attention_processor.Attention, "get_attention_scores",
         twice(attention_processor.Attention.get_attention_scores), "down 0"),
        ("attention_processors@autoencoder", attention_processor.Attention, "get_attention_scores",
         twice(attention_processor.Attention.get_attention_scores), "encoder, middle"),
        ("qkv_fusion@autoencoder", attention_processor.Attention, "fuse_projections", fused_wrongly, "encoder, middle"),
        ("vae_slicing@autoencoder", AUTOENCODER, "enable_slicing", only_the_first, "image"),
        ("gradient_checkpointing@autoencoder", AUTOENCODER, "enable_gradient_checkpointing", forgetful,
         "gradient of decoder.up_blocks.0.resnets.0.conv1.weight"),
        ("compiled_blocks@unet", UNET, "compile_repeated_blocks", compiled_wrongly, "down 0"),
        ("compiled_networks@unet", torch, "compile", network_compiled_wrongly, "out"),
        ("group_offload@unet", group_offloading.ModuleGroup, "_onload_from_disk", brought_in_wrongly, "conv_in"),
    ],
)  # fmt: skip
def test_a_switch_that_changes_y_is_a_difference(claim, home, name, fault, first, monkeypatch):
    """A fault that comes with the switch is an undeclared difference, in the part that it is in."""
    monkeypatch.setattr(home, name, fault)
    found = judged(f"features/{claim}")
    assert (Verdict.DRIFTED, True) == (found.verdict, f"{first} is the first that differs from the same candidate" in found.reason), (
        found.reason
    )


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="PyTorch's compiler needs one of C++")
@pytest.mark.parametrize("claim", ["compiled_blocks@unet", "compiled_networks@unet"])
def test_machine_code_changes_nothing(claim):
    """PyTorch's usual compiler, which takes a minute and more where the gate's takes seconds: within rounding in both precisions."""
    found = judged(f"features/{claim}", twin=True, backend="inductor")
    assert (Verdict.FAITHFUL, True) == (found.verdict, found.evidence["twin"]["valid"]), found.reason
    assert found.evidence["effect"].startswith("compiled program called")


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("network", ["unet", "autoencoder"])
def test_weights_from_elsewhere_change_no_bit(network, number):
    """Group offloading in memory and to disk, of blocks and of single layers: groups were brought in, and every part is the same."""
    found = judged(f"features/group_offload@{network}", number=number, twin=True)
    assert Verdict.IDENTICAL is found.verdict, found.reason
    assert found.evidence["effect"].startswith("groups of weights brought in: ")


LEDGER = load_ledger(ledger_path("diffusers"), "diffusers")


@pytest.mark.parametrize("number", [0, 1])
def test_a_tiled_picture_is_its_tiles_blended(number):
    """Each tile is what the autoencoder makes of it alone; put together as declared they are the picture, which is another one."""
    found = judged("features/vae_tiling@autoencoder", number=number)
    assert (Verdict.DRIFTED, True) == (found.verdict, found.reason.startswith("moments is the first that differs")), found.reason
    assert Verdict.DECLARED is judged("features/vae_tiling@autoencoder", LEDGER, number).verdict


@pytest.mark.parametrize(
    ("name", "fault", "first"),
    [
        ("blend_v", lambda *said: said[2], "moments"),
        ("blend_h", lambda self, a, b, extent: whole_blend(self, a, b, extent - 1), "moments"),
        ("tiled_decode", lambda self, z, return_dict=True: whole_decode(self, z * 1.001, return_dict), "tile of image"),
    ],
)
def test_a_fault_of_tiles_is_not_what_is_declared(name, fault, first, monkeypatch):
    """Tiles put side by side, a narrower overlap, or other tiles are not the declared variant."""
    monkeypatch.setattr(AUTOENCODER, name, fault)
    found = judged("features/vae_tiling@autoencoder", LEDGER)
    assert (Verdict.STALE, True) == (found.verdict, f"{first} is the first that differs" in found.reason), found.reason


whole_blend, whole_decode = AUTOENCODER.blend_h, AUTOENCODER.tiled_decode
