"""Why diffusers differs: each entry of its ledger, proven on diffusers itself by changing the one thing that the entry names.

Nothing here goes through the specs: the originals' formulas stand in formulas.py, diffusers is driven directly. In every test the
difference is there as released, and is gone (below SAME) as soon as that one thing is changed.
"""

import itertools

import formulas as original
import numpy as np
import pytest
from formulas import NOISE, START, TABLE, predict

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from driving import SAME, UNIT, all_but_one, counting, drive, far, scheduler, with_levels  # noqa: E402 - it imports diffusers

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SIGMA_FAMILY = ("EulerDiscreteScheduler", "HeunDiscreteScheduler", "LMSDiscreteScheduler", "KDPM2DiscreteScheduler")


def multistep(n, kind="model", **more):
    """DPM++ 2M in diffusers with some of start, grid and told set to the original's."""
    sigmas = original.levels(n, kind)
    settings = {"model": {}, "karras": {"use_karras_sigmas": True}, "exponential": {"use_exponential_sigmas": True}}[kind]

    def run(right):
        made = scheduler("DPMSolverMultistepScheduler", n, **settings, **more)
        if "grid" in right:
            with_levels(made, sigmas)
        told = original.time_of(sigmas[:-1]) if "told" in right else None
        return drive(made, scale=UNIT if "start" in right else 1.0, told=told)[0]

    return run, original.dpmpp_2m(NOISE * START, sigmas)


@pytest.mark.parametrize("name", ["DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler"])
def test_multistep_starts_from_unit_variance(name):
    """The multistep and singlestep schedulers scale the first latents by 1; k-diffusion's sigma_max is 0.2 % less in the same frame."""
    assert scheduler(name, 20).init_noise_sigma == 1
    assert 0.002 < 1 - UNIT < 0.003
    if name == "DPMSolverMultistepScheduler":
        all_but_one(*multistep(20, "karras"), ("start", "told"))


@pytest.mark.parametrize("name", ["DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler"])
def test_multistep_drops_the_last_of_n_plus_one_times(name):
    """The times are the first n of n + 1 evenly spaced ones, rounded; with the original's levels the rest is its DPM++ 2M."""
    for n in (2, 7, 14, 20, 30):
        wanted = np.linspace(0, 999, n + 1).round()[::-1][:-1]
        assert wanted.tolist() == scheduler(name, n).timesteps.tolist()
        assert np.linspace(999, 0, n).round().tolist() != wanted.tolist()
    if name == "DPMSolverMultistepScheduler":
        all_but_one(*multistep(20), ("start", "grid", "told"))


@pytest.mark.parametrize("name", ["DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler"])
def test_multistep_rounds_the_time_it_tells(name):
    """On Karras levels the times told are the nearest whole ones; told the exact ones, it is the original."""
    exact = original.time_of(original.levels(20, "karras")[:-1])
    assert exact.round().tolist() == scheduler(name, 20, use_karras_sigmas=True).timesteps.tolist()
    assert abs(exact - exact.round()).max() > 0.3
    if name == "DPMSolverMultistepScheduler":
        all_but_one(*multistep(20, "karras"), ("start", "told"))


def test_multistep_truncates_the_time_it_tells():
    """On exponential levels the times are cut down to whole numbers, 999 even to 998; told the exact ones, it is the original."""
    made = scheduler("DPMSolverMultistepScheduler", 10, use_exponential_sigmas=True)
    exact = original.time_of(original.levels(10, "exponential")[:-1])
    whole = np.floor(exact[1:-1])
    assert whole.tolist() == made.timesteps.tolist()[1:-1]
    assert made.timesteps[0] == 998
    assert (exact - np.floor(exact)).max() > 0.5
    all_but_one(*multistep(10, "exponential"), ("start", "told"))


def test_sde_multistep_draws_independent_noise():
    """Its draws come one after the other from the generator, whatever the levels; given the same noise it is the original's SDE."""
    draws = {}
    for kind in (False, True):
        made = scheduler("DPMSolverMultistepScheduler", 12, algorithm_type="sde-dpmsolver++", use_karras_sigmas=kind)
        generator = torch.Generator().manual_seed(3)
        drive(made, generator=lambda _, source=generator: source)
        draws[kind] = generator.get_state().tolist()
    generator = torch.Generator().manual_seed(3)
    plain = [torch.randn(NOISE.shape, generator=generator) for _ in range(12)]
    assert draws[False] == draws[True] == generator.get_state().tolist()
    sigmas = original.levels(12)

    def run(right):
        made = with_levels(scheduler("DPMSolverMultistepScheduler", 12, algorithm_type="sde-dpmsolver++"), sigmas)
        told = original.time_of(sigmas[:-1])
        generator = torch.Generator().manual_seed(3)
        if "noise" in right:
            return drive(made, scale=UNIT, told=told, variance_noise=lambda i: plain[11 - i])[0]
        return drive(made, scale=UNIT, told=told, generator=lambda _: generator)[0]

    wanted = original.dpmpp_2m(NOISE * START, sigmas, [plain[11 - i].double().numpy() for i in range(12)], eta=1.0)
    all_but_one(run, wanted, ("noise",))


def test_kdpm2_rounds_the_time_it_tells_on_karras_levels():
    """At Karras levels the times are rounded, in the middle of a step they are not; told the exact ones, it is the original's DPM-2."""
    made = scheduler("KDPM2DiscreteScheduler", 20, use_karras_sigmas=True)
    sigmas = original.levels(20, "karras")
    times = made.timesteps.numpy()
    at_levels = np.append(times[:1], times[2::2])
    assert original.time_of(sigmas[:-1]).round().tolist() == at_levels.tolist()
    assert abs(times[1::2] - times[1::2].round()).max() > 0.3
    middle = original.time_of(np.sqrt(sigmas[:-2] * sigmas[1:-1]))
    told = np.append(np.stack([original.time_of(sigmas[:-2]), middle], 1).reshape(-1), original.time_of(sigmas[-2]))
    runs = {
        True: lambda: drive(scheduler("KDPM2DiscreteScheduler", 20, use_karras_sigmas=True), told=told)[0],
        False: lambda: drive(made)[0],
    }
    all_but_one(lambda right: runs["told" in right](), original.dpm_2(NOISE * START, sigmas), ("told",))


@pytest.mark.parametrize(
    "name", ["PNDMScheduler", "DDIMScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler", *SIGMA_FAMILY[1:]]
)
def test_tables_are_built_in_float32(name):
    """alpha_bar is a product of float32 numbers; built in float64 and rounded once it is ten times nearer to the original's."""
    made = scheduler(name, 20)
    assert torch.float32 == made.betas.dtype
    released = np.abs(made.alphas_cumprod.double().numpy() / original.ALPHA_BAR - 1).max()
    rounded = np.abs(
        torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2, 0).float().double().numpy()
        / original.ALPHA_BAR
        - 1
    ).max()
    assert rounded < 2**-24
    assert released > 8 * rounded


@pytest.mark.parametrize(("name", "wanted"), [("DDIMScheduler", original.ddim), ("PNDMScheduler", original.plms)])
def test_compvis_schedulers_take_the_steps_asked_for(name, wanted):
    """30 steps are 30, where the original takes 31; with the original's times it is the original."""
    times = original.asked(30)
    twice = name == "PNDMScheduler"
    made = scheduler(name, 30)
    assert (31, 30 + twice) == (len(times), len(made.timesteps))
    once = torch.cat([made.timesteps[:1], made.timesteps[2:]]) if twice else made.timesteps
    assert times[1:].tolist() == once.tolist()

    def run(right):
        made = scheduler(name, 30)
        if "times" in right:
            made.timesteps = torch.from_numpy(np.concatenate([times[:2], times[1:]]) if twice else times.copy())
        return drive(made)[0]

    all_but_one(run, wanted(NOISE, times), ("times",))


def test_a_lone_plms_step_calls_the_network_once():
    """A one-step run of PNDM has one network call and is plain DDIM; the original's has two. More steps have one call more than steps."""
    made = scheduler("PNDMScheduler", 1)
    made.alphas_cumprod = torch.from_numpy(original.ALPHA_BAR)  # the step is so small that the float32 table would drown it
    made.final_alpha_cumprod = made.alphas_cumprod[0]
    sample, times = drive(made)
    assert [1.0] == times
    assert 3 == len(scheduler("PNDMScheduler", 2).timesteps)
    once, twice = (far(sample, run(NOISE, original.asked(1))) for run in (original.ddim, original.plms))
    assert once < SAME / 10
    assert twice > 100 * once


@pytest.mark.parametrize("name", ["DDIMScheduler", "PNDMScheduler"])
def test_a_thousand_steps_are_refused_after_the_first_call(name):
    """The first of 1000 times is 1000 and outside the table in both; diffusers finds out when it steps, after one call of the network."""
    made = scheduler(name, 1000)
    assert 1000 == made.timesteps[0] == original.asked(1000)[0]
    calls = []
    with pytest.raises(IndexError):
        counting(made, calls)
    assert 1 == len(calls)
    with pytest.raises(IndexError):
        original.ddim(NOISE, original.asked(1000))


@pytest.mark.parametrize("name", ["EulerDiscreteScheduler", *SIGMA_FAMILY[1:]])
def test_levels_between_training_times_are_linear_in_sigma(name):
    """Levels between two training times are interpolated in sigma; with log-interpolated levels Euler and DPM-2 are the originals."""
    times = np.linspace(0, 999, 20, dtype=np.float32)[::-1]
    made = scheduler(name, 20)
    unique = made.sigmas[torch.cat([torch.ones(1, dtype=torch.bool), made.sigmas[1:] != made.sigmas[:-1]])].double().numpy()
    table = np.sqrt((1 - made.alphas_cumprod.numpy()) / made.alphas_cumprod.numpy()).astype(np.float64)
    linear, logarithmic = np.interp(times, np.arange(1000), table), np.exp(np.interp(times, np.arange(1000), np.log(table)))
    assert np.abs(unique[:-1] / linear - 1).max() < 2**-23
    assert np.abs(unique[:-1] / logarithmic - 1).max() > 100 * 2**-23
    if name == "EulerDiscreteScheduler":
        wanted = original.euler(NOISE * START, original.levels(20))
        right, released = drive(with_levels(scheduler(name, 20), original.levels(20)))[0], drive(made)[0]
        assert far(right, wanted) < far(released, wanted) / 3
        assert far(right, wanted) < SAME


@pytest.mark.parametrize("name", SIGMA_FAMILY)
def test_a_lone_step_is_taken_at_the_clean_end(name):
    """np.linspace(0, 999, 1) is [0]: a lone step goes from training time 0, where k-diffusion's goes from 999."""
    made = scheduler(name, 1)
    assert ([0.0], 999) == (made.timesteps.tolist(), original.time_of(original.levels(1)[0]))
    assert abs(float(made.sigmas[0]) - TABLE[0]) < 1e-6
    right = scheduler(name, 1)
    right.timesteps = torch.tensor([999.0])
    with_levels(right, np.append(TABLE[-1:], np.zeros(len(made.sigmas) - 1)))
    wanted = original.euler(NOISE * START, original.levels(1))
    assert far(drive(made)[0], wanted) > 1
    if name != "KDPM2DiscreteScheduler":
        assert far(drive(right)[0], wanted) < SAME


def test_euler_churns_after_the_network_call():
    """With s_churn the network sees x before the extra noise; shown x with the noise, at the raised level, it is the original."""
    sigmas, churn = original.levels(12), 4.0
    gamma = churn / 12
    generator = torch.Generator().manual_seed(5)
    draws = [torch.randn(NOISE.shape, generator=generator) for _ in range(12)]

    def run(right):
        made = with_levels(scheduler("EulerDiscreteScheduler", 12), sigmas)
        source = torch.Generator().manual_seed(5)
        x = torch.from_numpy(NOISE * START).float()
        for i, t in enumerate(made.timesteps):
            scaled, told = made.scale_model_input(x, t), original.time_of(sigmas[i])
            if "order" in right:
                raised = sigmas[i] * (1 + gamma)
                x_hat = x.double() + draws[i].double() * np.sqrt(raised**2 - sigmas[i] ** 2)
                scaled, told = x_hat / np.sqrt(raised**2 + 1), original.time_of(raised)
            eps = torch.from_numpy(predict(scaled, told)).float()
            x = made.step(eps, t, x, s_churn=churn, generator=source, return_dict=False)[0]
        return x.numpy()

    all_but_one(run, original.euler(NOISE * START, sigmas, [draw.double().numpy() for draw in draws], churn), ("order",))


def test_euler_draws_only_where_it_churns():
    """A step outside of [s_tmin, s_tmax] leaves the generator where it was; k-diffusion draws in every step."""
    made = scheduler("EulerDiscreteScheduler", 12, use_karras_sigmas=True)
    generator = torch.Generator().manual_seed(5)
    x = torch.from_numpy(NOISE).float() * made.init_noise_sigma
    moved = []
    for t in made.timesteps:
        before = generator.get_state().tolist()
        made.scale_model_input(x, t)
        x = made.step(x, t, x, s_churn=20.0, s_tmin=0.3, s_tmax=6.0, generator=generator, return_dict=False)[0]
        moved.append(before != generator.get_state().tolist())
    inside = [bool(0.3 <= sigma <= 6.0) for sigma in made.sigmas[:-1]]
    assert inside == moved
    assert {True, False} == set(moved)


def test_the_brownian_path_is_the_same_at_the_same_levels():
    """At the same levels its Brownian tree gives k-diffusion's increments, bit for bit; at its own levels it reads another place."""
    torchsde = pytest.importorskip("torchsde")
    from diffusers.schedulers.scheduling_dpmsolver_sde import BrownianTreeNoiseSampler

    x = torch.from_numpy(NOISE).float()

    def by_original(sigmas):  # sampling.py: BrownianTreeNoiseSampler
        tree = torchsde.BrownianTree(sigmas[-2], torch.zeros_like(x), sigmas[0], entropy=7)
        return torch.stack([(tree(low, high) / (high - low).sqrt()) for high, low in itertools.pairwise(sigmas[:-1])])

    def by_diffusers(sigmas):
        tree = BrownianTreeNoiseSampler(x, sigmas[-2].item(), sigmas[0].item(), 7)
        return torch.stack([tree(high, low) for high, low in itertools.pairwise(sigmas[:-1])])

    levels = torch.from_numpy(original.levels(20)).float()
    made = scheduler("DPMSolverSDEScheduler", 20)
    own = made.sigmas[torch.cat([torch.ones(1, dtype=torch.bool), made.sigmas[1:] != made.sigmas[:-1]])]
    wanted = by_original(levels).abs()  # the sign of an increment is a matter of the direction in which it is asked for
    assert wanted.numpy().tobytes() == by_diffusers(levels).abs().numpy().tobytes()
    assert 1e-4 < far(by_diffusers(own).abs().numpy(), wanted.double().numpy()) < 0.5


def test_singlestep_is_not_dpmpp_sde():
    """DPMSolverSinglestepScheduler draws no noise at all, where DPM++ SDE draws twice a step, and ends the same from every seed."""
    ends = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        before = torch.get_rng_state().tolist()
        ends.append(drive(scheduler("DPMSolverSinglestepScheduler", 12, use_karras_sigmas=True))[0].tobytes())
        assert before == torch.get_rng_state().tolist()
    assert ends[0] == ends[1]
    made = scheduler("DPMSolverSinglestepScheduler", 12, use_karras_sigmas=True)
    assert "dpmsolver++" == made.config.algorithm_type
    assert 12 == len(made.timesteps)
    assert [1, 2] == made.get_order_list(12)[:2]
