"""Older releases of diffusers, asked as their own pipelines asked them; stand-ins have the signatures of those releases."""

# ruff: noqa: ARG002, D102, FBT002 - the methods of stand-ins are those of the releases

from types import SimpleNamespace

import pytest
import torch
from packaging.version import Version

from trueto.candidates.diffusers import older


class Made:
    """What all stand-ins have: settings, and a way to make one that takes a file's name only, as until 0.7."""

    def __init__(self, **settings):
        self.config = {"num_train_timesteps": 1000, **settings}
        self.num_inference_steps = None
        self.alphas_cumprod = torch.linspace(0.99, 0.01, 1000)

    @classmethod
    def from_config(cls, pretrained_model_name_or_path):
        raise OSError(pretrained_model_name_or_path)


class LMSDiscreteScheduler(Made):
    """Of 0.3: it is told places, not times, and takes no device."""

    def set_timesteps(self, count):
        self.num_inference_steps = count
        self.timesteps = torch.linspace(999, 0, count, dtype=torch.float64)
        self.sigmas = torch.arange(count, -1, -1)

    def step(self, answer, place, sample, order=4):
        return {"prev_sample": sample + place * answer, "order": order}

    def add_noise(self, picture, noise, places):
        return picture + noise * places


class PNDMScheduler(Made):
    """Of 0.2: offset and list of numbers come with set_timesteps()."""

    def set_timesteps(self, count, offset=0):
        self._offset = offset
        self.timesteps = [t + offset for t in range(0, 1000, 1000 // count)][::-1]

    def step(self, answer, time, sample, return_dict=True):
        return (sample,)


class DDPMScheduler(Made):
    """Of 0.7: whether the network predicts noise is said at each step, and of betas it knows one kind."""

    def __init__(self, beta_schedule="linear", variance_type="fixed_small"):
        super().__init__()
        if beta_schedule != "linear":
            raise NotImplementedError(f"{beta_schedule} is not implemented")
        self.config = SimpleNamespace(num_train_timesteps=1000)

    def set_timesteps(self, count, device=None):
        self.num_inference_steps = count

    def step(self, answer, time, sample, predict_epsilon=True, return_dict=True):
        return (predict_epsilon,)

    def _get_variance(self, time):
        return time


class DPMSolverMultistepScheduler(Made):
    """Of 0.10: tables over all training times, and no list of its own levels."""

    def __init__(self, algorithm_type="dpmsolver++"):
        super().__init__()
        if algorithm_type != "dpmsolver++":
            raise NotImplementedError(algorithm_type)
        self.alpha_t, self.sigma_t = self.alphas_cumprod.sqrt(), (1 - self.alphas_cumprod).sqrt()

    def set_timesteps(self, count, device=None):
        self.timesteps = torch.tensor([999, 500])

    def step(self, answer, time, sample, return_dict=True):
        return (sample,)


@pytest.fixture
def release(monkeypatch):
    """Say which release of diffusers is installed."""

    def said(version):
        older._answering.cache_clear()
        monkeypatch.setattr(older, "_release", lambda: Version(version))

    yield said
    older._answering.cache_clear()


@pytest.mark.parametrize("version", ["0.18.0", "0.42.1"])
def test_from_0_18_on_a_class_answers_by_itself(release, version):
    """The class that is judged is the library's own, and nothing is said to be missing."""
    release(version)
    assert older.as_today(DDPMScheduler) is DDPMScheduler
    assert "" == older.lacks(DDPMScheduler, SimpleNamespace(settings={}))
    older.check_times(SimpleNamespace(timesteps=[]), [500])


def test_what_an_older_class_has_itself_is_left_to_it(release):
    """A subclass of the same name answers only what is missing."""
    release("0.17.1")
    made = older.as_today(type("Heun", (DPMSolverMultistepScheduler,), {"order": 2}))
    assert ("Heun", 2) == (made.__name__, made.order)
    assert 1 == older.as_today(DPMSolverMultistepScheduler).order
    own = made.from_config({})
    own.sigmas = "its own"
    assert "its own" == own.sigmas


def test_lms_of_0_3_is_told_places_and_its_latents_are_scaled_by_the_loop(release):
    """As its pipelines did: first noise times the first level, input over sqrt(sigma^2 + 1), the place of a time instead of the time."""
    release("0.3.0")
    made = older.as_today(LMSDiscreteScheduler).from_config({"steps_offset": 1, "beta_start": 1})
    made.set_timesteps(4, device="cpu")
    time = made.timesteps[1]
    assert 4 == made.init_noise_sigma
    assert (torch.ones(2) / 10**0.5).tolist() == made.scale_model_input(torch.ones(2), time).tolist()
    assert 1.0 == made.step(torch.ones(1), time, torch.zeros(1), return_dict=False)[0].item()
    assert 2 == made.step(torch.ones(1), time, torch.zeros(1), order=2).order
    assert [1, 1] == made.add_noise(torch.zeros(2), torch.ones(2), time.repeat(2)).tolist()


@pytest.mark.parametrize(("wanted", "times", "later"), [(1, [501, 1], 0), (0, [500, 0], 1)])
def test_pndm_of_0_2_is_given_the_offset_with_its_times(release, wanted, times, later):
    """Its list becomes a tensor; what is not added to a time is added where its level is looked up."""
    release("0.2.4")
    made = older.as_today(PNDMScheduler).from_config({"steps_offset": wanted})
    made.set_timesteps(2)
    assert times == made.timesteps.tolist()
    assert later == older.offset_of_levels(made)
    assert made.alphas_cumprod[later] == made.final_alpha_cumprod


def test_what_the_network_predicts_is_said_at_each_step(release):
    """Before there was `prediction_type`."""
    release("0.7.2")
    found = [older.as_today(DDPMScheduler).from_config({"prediction_type": kind}).step(0, 0, 0) for kind in ("epsilon", "sample")]
    assert [(True,), (False,)] == found


@pytest.mark.parametrize(("version", "before"), [("0.12.1", 499), ("0.13.1", 480)])
def test_ddpm_went_to_the_time_before_until_0_13(release, version, before):
    """Whatever the stride."""
    release(version)
    made = older.as_today(DDPMScheduler).from_config({})
    made.set_timesteps(50)
    assert before == made.previous_timestep(500)


def test_levels_are_those_of_the_tables_and_the_last_step_goes_to_time_0(release):
    """Sigma over alpha at the times, then at time 0."""
    release("0.10.2")
    made = older.as_today(DPMSolverMultistepScheduler).from_config({})
    made.set_timesteps(2, device="cpu")
    wanted = ((1 - made.alphas_cumprod).sqrt() / made.alphas_cumprod.sqrt())[[999, 500, 0]]
    assert wanted.tolist() == made.sigmas.tolist()


@pytest.mark.parametrize("settings", [{"beta_schedule": "scaled_linear"}, {"variance_type": "learned_range"}])
def test_what_a_release_has_not_is_no_fault_of_it(release, settings):
    """The adapter raises it and not the library, so that the cell is not judged."""
    release("0.1.3")
    with pytest.raises(LookupError, match="this release has no such thing"):
        older.as_today(DDPMScheduler).from_config(settings)


def test_a_claim_on_what_a_release_has_not_is_not_claimed_for_it(release):
    """A method or a setting; the words are those by which a record keeps it."""
    release("0.10.2")
    asked = {"loop": {"kind": "pipeline"}, "base": {"algorithm_type": "sde-dpmsolver++", "final_sigmas_type": "zero"}}
    assert "has no such method: sde-dpmsolver++" == older.lacks(DPMSolverMultistepScheduler, SimpleNamespace(settings=asked))


@pytest.mark.parametrize("version", ["0.10.2", "0.23.1"])
def test_a_claim_that_needs_a_setting_is_not_claimed_for_a_release_without_it(release, version):
    """Whatever the age: its configuration could be passed over in silence, but there is nothing that the network could be told."""
    release(version)
    claim = SimpleNamespace(settings={"needs": {"settings": ["timestep_type"]}, "base": {}}, implementation="EulerDiscreteScheduler")
    assert "has no such setting: timestep_type of EulerDiscreteScheduler" == older.lacks(DPMSolverMultistepScheduler, claim)
    claim.settings["needs"] = {"settings": ["algorithm_type"]}
    assert "" == older.lacks(DPMSolverMultistepScheduler, claim)


def test_a_time_that_an_older_list_has_not_is_said(release):
    """Its spacing could not be chosen, so that its list has other times than the case."""
    release("0.17.1")
    with pytest.raises(LookupError, match="time 901 is not among those of its list"):
        older.check_times(SimpleNamespace(timesteps=torch.tensor([999.0, 888.0])), [999, 901])
