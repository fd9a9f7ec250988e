"""Why DiT in diffusers is not the original's: two constants, and a pipeline that guides one channel more; each proven by an experiment."""

import inspect
import textwrap

import pytest
from driving_networks import judged

from trueto.candidates import ledger_path
from trueto.ledger import load_ledger
from trueto.model import Verdict

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from diffusers import DiTPipeline  # noqa: E402 - after the check that it is there

from trueto.candidates.diffusers import ADAPTER  # noqa: E402
from trueto.candidates.diffusers.networks import dit as networks  # noqa: E402


def exact_time(net):
    """The original's frequencies in every block's embedder of times."""
    for block in net.transformer_blocks:
        block.norm1.emb.time_proj.downscale_freq_shift = 0


def exact_eps(net):
    """The original's epsilon in the second LayerNorm of every block."""
    for block in net.transformer_blocks:
        block.norm3.eps = 1e-6


def both(net):
    """Both."""
    exact_time(net)
    exact_eps(net)


@pytest.mark.parametrize(
    ("change", "same", "first"),
    [(lambda _: None, False, "t_embedder"), (exact_time, False, "blocks.0"), (exact_eps, False, "t_embedder"), (both, True, "")],
    ids=["as it is", "time", "epsilon", "both"],
)
def test_two_constants_are_the_whole_difference(change, same, first):
    """With 128 in the place of 127 and 1e-6 in the place of 1e-5 the network is the original's; with one of them it is not."""
    found = judged(ADAPTER, "dit/dit", net=change)
    assert (same, True) == (found.verdict.same, same or found.reason.startswith(f"{first} is the first")), found.reason


@pytest.mark.parametrize("claim", ["dit/dit", "dit/dit@norm_eps=1e-6"])
def test_the_ledger_names_them(claim):
    """As released both constants are declared, with the original's epsilon one of them, and neither holds for anything else."""
    ledger = load_ledger(ledger_path("diffusers"), "diffusers")
    assert Verdict.DECLARED is judged(ADAPTER, claim, ledger=ledger).verdict
    assert Verdict.STALE is judged(ADAPTER, claim, ledger=ledger, net=both).verdict
    assert Verdict.STALE is judged(ADAPTER, claim, ledger=ledger, net=exact_time).verdict


def three_channels():
    """DiTPipeline's own `__call__`, with three in the place of the number of channels where it leads them."""
    call = inspect.unwrap(DiTPipeline.__call__)
    source = textwrap.dedent(inspect.getsource(call))
    there = "noise_pred[:, :latent_channels], noise_pred[:, latent_channels:]"
    assert 1 == source.count(there)
    space = dict(vars(inspect.getmodule(call)))
    exec(source.replace(there, "noise_pred[:, :3], noise_pred[:, 3:]"), space)  # noqa: S102 - its own code, one number changed
    return space["__call__"]


@pytest.fixture
def mended(monkeypatch):
    """Make the original's again of what is named: the two constants, the channels that are led."""

    def mend(what):
        if "constants" in what:
            whole = networks.built

            def built(*said, **chosen):
                both(net := whole(*said, **chosen))
                return net

            monkeypatch.setattr(networks, "built", built)
        if "channels" in what:
            monkeypatch.setattr(DiTPipeline, "__call__", three_channels())

    return mend


@pytest.mark.parametrize(
    ("what", "same", "first"),
    [
        ((), False, "noise, channels 0 to 2"),
        (("constants",), False, "noise, channel 3"),
        (("channels",), False, "noise, channels 0 to 2"),
        (("constants", "channels"), True, ""),
    ],
)
def test_the_pipeline_differs_by_constants_and_one_guided_channel(what, same, first, mended):
    """With the constants and with three channels led DiTPipeline is the original's step by step; with one of both it is not."""
    mended(what)
    for case in ("scale-4", "scale-1.5"):
        found = judged(ADAPTER, "dit/guidance", case)
        assert (same, True) == (found.verdict.same, same or found.reason.startswith(f"{first} is the first")), found.reason


def test_without_guidance_the_constants_alone_differ(mended):
    """At a scale of 1 the pipeline asks for the class alone, which is what the original's formula then comes to."""
    assert Verdict.DRIFTED is judged(ADAPTER, "dit/guidance", "scale-1").verdict
    mended(("constants",))
    assert judged(ADAPTER, "dit/guidance", "scale-1").verdict.same


@pytest.mark.parametrize(("what", "verdict"), [((), Verdict.DECLARED), (("constants",), Verdict.STALE), (("channels",), Verdict.STALE)])
def test_the_ledger_names_both_differences_of_the_pipeline(what, verdict, mended):
    """As it is the pipeline is as declared; once one difference is gone the ledger no longer holds."""
    mended(what)
    assert verdict is judged(ADAPTER, "dit/guidance", "scale-4", load_ledger(ledger_path("diffusers"), "diffusers")).verdict
