"""How to run the sampler of RectifiedFlow on X: imports the original from a checkout and calls it, nothing more."""

from pathlib import Path
from types import SimpleNamespace

import torch

from trueto.recording.harness import Run, import_file, quiet_progress, stand_in

UNUSED = ("matplotlib", "matplotlib.pyplot", "torchvision")


def load(source: Path) -> SimpleNamespace:
    """The original's sampling module and its description of the flow, from a checkout."""
    quiet_progress()
    stand_in(*UNUSED, "sde_lib")  # models.utils and sde_lib import each other
    folder = source / "ImageGeneration"
    import_file("models.utils", folder / "models" / "utils.py")
    sde_lib = import_file("sde_lib", folder / "sde_lib.py")
    return SimpleNamespace(sde_lib=sde_lib, sampling=import_file("rectified_flow_sampling", folder / "sampling.py"))


class Model:
    """A velocity model, data - noise, as the original calls it: a module with `eval`, told 999 t."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def eval(self) -> None:
        """Nothing is to be switched."""

    def __call__(self, x, labels):
        """The velocity for x (B, C, H, W) at labels (B,)."""
        return -self.run.network(x, labels)


def drive(original, algorithm: str, run: Run) -> None:
    """Run the sampler on one case. A seeded run leaves the first latents to the original."""
    case = run.case
    sde = original.sde_lib.RectifiedFlow(use_ode_sampler=algorithm, sample_N=case.steps)
    sampler = original.sampling.get_rectified_flow_sampler(sde, case.shape, inverse_scaler=lambda x: x, device="cpu")
    run.noise.step_of = lambda draw: max(draw - int(run.seeded), 0)
    start = None if run.seeded else run.start_noise()
    sample, calls = sampler(Model(run), start)
    run.relabel(range(calls))
    if start is None:  # the network is shown the start as it is
        start = torch.from_numpy(run.probe.states[0])
    levels = run.table([1 - i / calls for i in range(calls + 1)])
    run.finish(levels=levels, level_kind="flow", start=start, sample=sample)
