"""CompVis' networks in diffusers: what the released checkpoints of Stable Diffusion v1 become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trueto.candidates.diffusers.networks.places import autoencoder_places, from_single_file, prefixed, unet_places

if TYPE_CHECKING:
    from trueto.torch_task import Task

__all__ = ["OUTPUTS", "config"]


def config(task: Task) -> dict[str, Any]:
    """The part of an original configuration file that diffusers reads."""
    autoencoder = {"params": {"ddconfig": task.toy("compvis/autoencoder")}}
    return {"model": {"params": {"unet_config": {"params": task.toy("compvis/unet")}, "first_stage_config": autoencoder}}}


def unet(network: Any, task: Task) -> None:
    """UNet2DConditionModel."""
    net = from_single_file(network, task, prefixed(task.weights("unet"), "model.diffusion_model."), original_config=config(task))
    task.tap(net, unet_places(net))
    x, context = task.given("x", (2, 4, 8, 4)), task.given("context", (2, 5, 24))
    task.give("out", net(x, task.whole("t", (2,), 1000), encoder_hidden_states=context).sample)


def autoencoder(network: Any, task: Task) -> None:
    """AutoencoderKL and its DiagonalGaussianDistribution."""
    net = from_single_file(network, task, prefixed(task.weights("autoencoder"), "first_stage_model."), original_config=config(task))
    task.tap(net, autoencoder_places(net))
    posterior = net.encode(task.given("picture", (1, 3, 12, 8))).latent_dist
    task.give("moments", posterior.parameters)
    task.give("image", net.decode(task.given("z", (1, 4, 6, 4))).sample)
    task.give("std", posterior.std)
    loud = type(posterior)(task.given("loud", (2, 8, 2, 3), 15.0))
    task.give("bounded std", loud.std)
    task.give("bounded kl", loud.kl())
    task.give("nll", posterior.nll(task.given("seen", (1, 4, 6, 4))))


OUTPUTS = {"compvis/unet": unet, "compvis/autoencoder": autoencoder}
