"""X: the networks are what they say, hide no mistake behind symmetry, and never change unnoticed."""

import numpy as np
import pytest

from trueto.errors import DataError, UnknownName, UsageError
from trueto.fixtures import FAMILIES, fixture_digest, network, schedule, start_noise, tape, variance_channels
from trueto.fixtures.networks import NETWORKS, PARAMETERIZATIONS
from trueto.fixtures.noise import ORDERS, STEPS
from trueto.fixtures.schedules import float32_alphas_cumprod, schedule_names, short_alphas_cumprod, table_names
from trueto.fixtures.source import family_info, family_tensors
from trueto.settings import data_root
from trueto.store import Manifest

# The tensors of X: whoever changes them makes every golden foreign, so that is a decision and no accident.
PINNED = {
    "networks": "be2f49eb10c51916238a07a22db589eda37d6ec92856a6263e96f7e3c9fcfebc",
    "noise": "9654b3f8ff9258e8d39418097aaf6c39e426c6dca658deafad504dd73e994b71",
    "schedules": "72ff9ac25acbbd41fb2bacff98d07ebbde8df52e63e555cab8cdeca0df4ec79c",
}
CLOSED = ("mixture", "smooth")
SD = schedule("sd_v1")
SHAPE = (2, 4, 4, 3)
X = np.random.default_rng(1).standard_normal(SHAPE)
T = np.array([500.0, 500.0])


def at(name, t, x=X, parameterization="eps", **more):
    """The network's answer at one time."""
    return network(name, SD, parameterization)(x, np.full(len(x), float(t)), **more)


def size(values):
    """The largest absolute value."""
    return float(np.abs(values).max())


@pytest.mark.parametrize("family", FAMILIES)
def test_tensors_are_the_pinned_ones(family):
    """The tensors of every family have the digest written here and in the manifest."""
    folder = data_root() / "fixtures" / family
    assert PINNED[family] == Manifest(folder / "manifest.json").check(folder / "data" / f"{family}.safetensors")


@pytest.mark.parametrize("family", FAMILIES)
def test_families_say_what_they_are(family):
    """Every family has a title, plain words, a definition version and members, in float64 or (noise) float32."""
    info = family_info(family)
    assert [] == [key for key in ("title", "plain", "definition", "members") if not info.get(key)]
    assert {np.dtype(np.float32 if family == "noise" else np.float64)} == {values.dtype for values in family_tensors(family).values()}


def test_digest_names_all_of_x(root):
    """The one digest of X changes with the definition of any family."""
    from support import forget

    before = {fixture_digest()}
    for family in FAMILIES:
        path = root / "fixtures" / family / "fixture.toml"
        path.write_text(path.read_text().replace("definition = 1", "definition = 2"))
        forget()
        before.add(fixture_digest())
    assert 4 == len(before)
    (root / "fixtures/noise/fixture.toml").unlink()
    forget()
    with pytest.raises(DataError, match=r"fixture\.toml is missing"):
        fixture_digest()


@pytest.mark.parametrize("name", CLOSED)
def test_networks_are_smooth(name):
    """The derivative in x and in t exists: halving the step of a central difference changes it by its square."""
    along = np.random.default_rng(2).standard_normal(SHAPE)
    for move in (lambda h: at(name, 500.3, X + h * along), lambda h: at(name, 500.3 + 0.2 * h)):
        first, second, third = ((move(h) - move(-h)) / (2 * h) for h in (4e-3, 2e-3, 1e-3))
        assert size(first) > 1e-6
        assert size(second - third) < 0.3 * size(first - second) + 1e-9 * size(first)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_are_lopsided(name):
    """No exchange of channels and no change of sign maps a network to itself; nor a reflection, where it knows places."""
    out = at(name, 500)
    places = () if name == "smooth" else (lambda v: v[..., ::-1], lambda v: v[:, :, ::-1])
    for turned in (lambda v: v[:, ::-1], np.negative, *places):
        moved = turned(at(name, 500, turned(X).copy()))
        assert size(moved - out) > 1e-2 * size(out)


@pytest.mark.parametrize("name", CLOSED)
def test_networks_mix_channels_and_keep_samples_apart(name):
    """A change of one channel is seen in all channels of its sample, and in no other sample."""
    moved = X.copy()
    moved[0, 1] += 0.1
    change = np.abs(at(name, 500, moved) - at(name, 500)).reshape(2, 4, -1).max(axis=2)
    assert (change[0] > 1e-4).all()
    assert (change[1] == 0).all()


def test_networks_have_a_mean():
    """The clean picture has a mean of its own in each channel, so that a lost offset is seen."""
    for name in NETWORKS:
        means = at(name, 700, np.zeros(SHAPE), "x0").mean(axis=(0, 2, 3))
        assert np.abs(means).max() > 0.05


# Times as the schedules without a table tell them, two for a batch of two; and their ends.
TOLD = {name: np.array(pair) for name, pair in {
    "flow": (0.3, 0.8), "flow1000": (300.0, 800.0), "ve": (0.7, 5.0), "edm": (-0.4, 0.6), "edm1000": (-400.0, 600.0),
    "svd": (-0.4, 0.6), "rectified": (700.0, 200.0), "angle": (0.3, 0.8), "vp_sde": (300.0, 800.0), "subvp_sde": (300.0, 800.0),
}.items()}  # fmt: skip
ENDS = {
    "flow": (0.01, 0.99), "flow1000": (10.0, 990.0), "ve": (0.01, 80.0), "edm": (-1.5, 1.1), "edm1000": (-1500.0, 1100.0),
    "svd": (-1.5, 1.6), "rectified": (989.0, 10.0),  # the time of `rectified` runs from noise to data
    "angle": (0.01, 0.99), "vp_sde": (1.0, 999.0), "subvp_sde": (1.0, 999.0),
}  # fmt: skip


def test_open_network_ignores_the_picture():
    """The open-loop network depends on time, place and sample only, so that an update rule's error is not amplified."""
    assert at("open", 500).tobytes() == at("open", 500, 100 * X + 7).tobytes()
    assert size(at("open", 500) - at("open", 501)) > 1e-4
    assert size(at("open", 500)[0] - at("open", 500)[1]) > 1e-2


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("schedule_name", schedule_names())
def test_parameterizations_say_the_same(name, schedule_name):
    """All are one prediction: x = alpha x0 + sigma eps, v = alpha eps - sigma x0, flow = eps - x0, score = -eps / sigma, edm: D = x0."""
    levels = schedule(schedule_name)
    told = TOLD.get(schedule_name, T if schedule_name not in table_names() else np.minimum(T, len(levels) / 2))
    alpha, sigma = (part[:, None, None, None] for part in levels.level(told))
    eps, v, x0, flow, edm, score = (network(name, levels, kind)(X, told) for kind in PARAMETERIZATIONS)
    level = sigma / alpha
    c_skip, c_out = 0.25 / (level**2 + 0.25), 0.5 * level / np.sqrt(level**2 + 0.25)
    one = (alpha**2 + sigma**2) * x0
    pairs = [(X, alpha * x0 + sigma * eps), (v, alpha * eps - sigma * x0), (flow, eps - x0), (one, alpha * X - sigma * v)]
    for wanted, seen in (*pairs, (eps, -sigma * score), (x0, c_skip * X / alpha + c_out * edm)):
        assert size(seen - wanted) < 1e-12 * max(1.0, size(wanted))


@pytest.mark.parametrize("name", sorted(set(schedule_names()) - set(table_names())))
def test_formulas_rise_from_clean_to_noise(name):
    """Without a table the level and its phase rise steadily with the time told, from about 0 to about 1."""
    low, high = ENDS[name]
    told = np.linspace(low, high, 500)
    alpha, sigma = schedule(name).level(told)
    phase = schedule(name).phase(told)
    assert (np.diff(sigma / alpha) > 0).all()
    assert (np.diff(phase) > 0).all()
    assert phase[0] < 0.1
    assert phase[-1] > 0.9


def flow_velocity(x, t):
    """dx/dt of the probability flow of the mixture in the frame x = alpha x0 + sigma eps, with alpha and sigma from the schedule."""
    h = 1e-4
    (a, s), (a_up, s_up), (a_down, s_down) = (tuple(float(v[0]) for v in SD.level(np.array([u]))) for u in (t, t + h, t - h))
    da, ds = (a_up - a_down) / (2 * h), (s_up - s_down) / (2 * h)
    eps = at("mixture", t, x)
    return da * (x - s * eps) / a + ds * eps


def test_exact_solution_is_the_flow():
    """The closed form agrees with a Runge-Kutta integration of the probability flow of the same network, from time 700.5 to 690.5."""
    begin, steps, h = 700.5, 100, -0.1
    x, t = X.copy(), begin
    for _ in range(steps):
        # Whole times are corners of the piecewise linear schedule; steps of 0.1 from 700.5 meet them at the ends of a step.
        left, right = t - 1e-3, t + h + 1e-3
        k1 = flow_velocity(x, left)
        k2 = flow_velocity(x + h / 2 * k1, t + h / 2)
        k3 = flow_velocity(x + h / 2 * k2, t + h / 2)
        k4 = flow_velocity(x + h * k3, right)
        x, t = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), t + h
    levels = [tuple(float(v[0]) for v in SD.level(np.array([u]))) for u in (begin, t)]
    exact = network("mixture", SD).exact(X, *levels)
    assert size(exact - X) > 5e-3
    assert size(exact - x) < 1e-4 * size(exact - X)


def test_exact_solution_can_be_undone():
    """There and back is where it began, over the whole range of levels."""
    net = network("mixture", SD)
    ends = [tuple(float(v[0]) for v in SD.level(np.array([u]))) for u in (999.0, 0.0)]
    clean = net.exact(X, *ends)
    assert size(net.exact(clean, *ends[::-1]) - X) < 1e-8
    with pytest.raises(UnknownName):
        network("smooth", SD).exact(X, *ends)


@pytest.mark.parametrize("name", table_names())
def test_levels_at_whole_times_are_the_table(name):
    """At a whole training time alpha^2 is alpha_bar of that time, and alpha^2 + sigma^2 = 1; in between levels rise steadily."""
    levels = schedule(name)
    whole = np.arange(len(levels), dtype=np.float64)
    alpha, sigma = levels.level(whole * levels.told)
    assert size(alpha**2 / levels.alphas_cumprod - 1) < 1e-9
    assert size(alpha**2 + sigma**2 - 1) < 1e-15
    assert (np.diff(levels.level(np.linspace(0, len(levels) - 1, 5000) * levels.told)[1]) > 0).all()
    assert size(float32_alphas_cumprod(levels) / levels.alphas_cumprod - 1) < 2e-4


@pytest.mark.parametrize(("name", "root"), [("sd_v1", 0.5), ("linear", 1)])
def test_betas_that_stop_short_are_numpys_without_their_end(name, root):
    """The table of even places without the last; in float32 within its rounding, and it is not the model's own."""
    levels = schedule(name)
    ends = [levels.settings[end] ** root for end in ("beta_start", "beta_end")]
    expected = np.cumprod(1 - np.linspace(*ends, len(levels), endpoint=False) ** (1 / root))
    assert size(short_alphas_cumprod(levels, np.float64) / expected - 1) < 1e-12
    assert size(short_alphas_cumprod(levels, np.float32) / expected - 1) < 1e-4
    assert size(short_alphas_cumprod(levels, np.float64) / levels.alphas_cumprod - 1) > 1e-3


def test_learned_variance_looks_at_time_place_and_condition():
    """The extra channels lie in (-1, 1), move with time, place and condition, and are nearly everywhere another number."""
    now, later = (variance_channels(SD, X.shape, np.full(2, t)) for t in (500.0, 501.0))
    marked = variance_channels(SD, X.shape, np.full(2, 500.0), np.array([0.0, 1.0]))
    assert X.shape == now.shape
    assert 0.5 < size(now) < 1
    assert size(later - now) > 1e-4
    assert now[0].tobytes() == marked[0].tobytes()
    assert size(marked[1] - now[1]) > 1e-2
    assert len(np.unique(now)) == now[0].size


def test_long_schedules_tell_times_on_two_scales():
    """4000 training times end at the levels of 1000; a rescaled schedule tells a quarter of the time, and means the same level."""
    for name in ("linear4000", "cosine4000"):
        levels, rescaled = schedule(name), schedule(f"{name}_rescaled")
        assert 4000 == len(levels) == len(rescaled)
        assert levels.betas.tobytes() == rescaled.betas.tobytes()
        assert 0.25 == rescaled.told
        told = np.array([400.0, 3999.0])
        assert levels.level(told)[1].tobytes() == rescaled.level(told / 4)[1].tobytes()
        assert abs(levels.alphas_cumprod[2003] - schedule(name.removesuffix("4000")).alphas_cumprod[500]) < 1e-3


def test_condition_moves_the_answer():
    """The conditional branch differs from the unconditional one, by a pattern that is not the same everywhere; half is in between."""
    none, zero, half, one = (at("smooth", 500, condition=c) for c in (None, np.zeros(2), np.full(2, 0.5), np.ones(2)))
    assert none.tobytes() == zero.tobytes()
    assert size(one - zero) > 1e-2
    assert (one - zero).std() > 1e-3
    assert size(half - (zero + one) / 2) < 1e-12


def test_noise_is_normal_and_never_repeats():
    """Start latents and tapes are standard normal, another for each seed, step and order."""
    for seed in family_info("noise")["seeds"]:
        start, drawn = start_noise(seed, (4, 4, 8, 8)), tape(seed, SHAPE)
        assert abs(start.mean()) < 0.1
        assert 0.9 < start.std() < 1.1
        every = [drawn.draw(step, order).tobytes() for step in range(STEPS) for order in range(ORDERS)] + [
            start_noise(seed, SHAPE).tobytes()
        ]
        assert len(every) == len(set(every))
        assert 0.95 < drawn.values.std() < 1.05
    assert start_noise(0, SHAPE).tobytes() != start_noise(1, SHAPE).tobytes()


def test_smaller_shapes_are_cut_from_larger_ones():
    """A smaller picture gets a corner of the same noise; beyond its end a tape begins anew."""
    assert start_noise(0, (4, 4, 8, 8))[:2, :, :4, :3].tobytes() == start_noise(0, SHAPE).tobytes()
    assert tape(0, SHAPE).draw(STEPS + 1, 0).tobytes() == tape(0, SHAPE).draw(1, 0).tobytes()


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda: network("smoth", SD), UnknownName, "did you mean 'smooth'"),
        (lambda: network("smooth", SD, "epsilon"), UnknownName, "did you mean 'eps'"),
        (lambda: schedule("sdv1"), UnknownName, "did you mean 'sd_v1'"),
        (lambda: start_noise(77, SHAPE), UsageError, r"no recorded noise for seed 77; recorded seeds: \[0, 1\]"),
        (lambda: start_noise(0, (8, 4, 4, 4)), UsageError, "is larger than the recorded noise"),
        (lambda: family_info("nets"), UnknownName, "unknown fixture family 'nets'"),
    ],
)
def test_what_is_not_there_is_said(ask, error, words):
    """An unknown network, schedule, seed, family or a shape that was not recorded is an error that says what there is."""
    with pytest.raises(error, match=words):
        ask()
