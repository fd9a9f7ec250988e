"""The cases (X) that all v-diffusion samplers meet: its scripts' own schedules, and step counts that hide nothing."""

from dataclasses import replace

from trueto.model import Case


def case(name: str, steps: int, grid: str = "spliced", **more) -> Case:
    """A case with a v network that is told the angle of the level."""
    return Case(name, steps, grid=grid, schedule="angle", parameterization="v", **more)


# 50 is the scripts' default, with the spliced schedule; a thousand steps on one pixel. 1 to 4 are the start-up of a multistep method.
COUNTS = (
    case("spliced-20", 20, quick=True),
    case("spliced-50", 50),
    case("spliced-7", 7, network="smooth", seed=1),
    case("spliced-15", 15, network="smooth"),
    case("spliced-1", 1),
    case("spliced-2", 2),
    case("spliced-3", 3, network="smooth"),
    case("spliced-4", 4, seed=1),
)
OTHER_GRIDS = (
    case("ddpm-14", 14, "ddpm"),
    case("log-28", 28, "log"),
    case("log-10", 10, "log", network="smooth"),
)
STANDARD = (*COUNTS, *OTHER_GRIDS)
# From clean to noise, which finds the start that leads to a picture.
REVERSE = (case("reverse-15", 15, options={"is_reverse": True}, layers=("schedule", "start", "update", "trajectory")),)
THOUSAND = (case("spliced-1000", 1000, shape=(1, 4, 1, 1), layers=("schedule", "trajectory")),)


# For samplers whose start-up is all that sets them apart, or that call the network often.
SHORT = (
    case("spliced-12", 12, quick=True),
    case("spliced-20", 20, network="smooth"),
    *COUNTS[4:],
    case("spliced-7", 7, network="smooth", seed=1),
    case("ddpm-14", 14, "ddpm"),
    case("log-10", 10, "log", network="smooth"),
    *REVERSE,
)


def small(cases: tuple[Case, ...]) -> tuple[Case, ...]:
    """The same cases on a smaller picture: for samplers that call the network often, so that their goldens stay small."""
    return tuple(replace(one, shape=(2, 4, 3, 2)) for one in cases)
