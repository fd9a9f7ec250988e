"""The profile `reused`: an object that has taken another sample before takes the same as a fresh one, and what is left over is seen."""

import pytest

from trueto.distances import measure
from trueto.fixtures import network, schedule, start_noise, tape
from trueto.references import reference
from trueto.running.profiles import profile

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

pytestmark = pytest.mark.filterwarnings("ignore")

NAME, CASE = "k_diffusion/lms", "model-20"


def sample(flags):
    """What diffusers' LMS returns in the worker's loop."""
    from trueto.candidates.diffusers.adapter import ADAPTER
    from trueto.interpose import NoiseSource
    from trueto.torch_run import Run

    case = reference(NAME).case(CASE)
    levels = schedule(case.schedule)
    net = network(case.network, levels, case.parameterization)
    source = NoiseSource(tape(case.seed, case.shape))
    run = Run(case, net, levels, torch.float32, start_noise(case.seed, case.shape), source)
    claim = next(claim for claim in ADAPTER.claims if claim.id == NAME)
    ADAPTER.sample(claim, run, flags)
    assert run.observation is not None
    return run.observation


def test_a_used_object_does_the_same():
    """After a sample of another step count every bit is that of a fresh object, and only the second sample is observed."""
    fresh, used = sample({}), sample(profile("reused").flags)
    assert fresh.path.tobytes() == used.path.tobytes()
    assert fresh.told.tobytes() == used.told.tobytes()


def test_what_is_left_over_is_seen(monkeypatch):
    """A scheduler whose levels depend on having stepped before is right the first time, and wrong the second."""
    fresh = sample({})
    real = diffusers.LMSDiscreteScheduler.set_timesteps

    def keeps(self, *args, **more):
        stepped = getattr(self, "_step_index", None) is not None
        real(self, *args, **more)
        self.sigmas = self.sigmas * (1.01 if stepped else 1)

    monkeypatch.setattr(diffusers.LMSDiscreteScheduler, "set_timesteps", keeps)
    assert fresh.path.tobytes() == sample({}).path.tobytes()
    assert measure(sample(profile("reused").flags).sample, fresh.sample)[1] > 1e-3
