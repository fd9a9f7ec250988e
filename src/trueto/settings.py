"""Settings: the one place where they are read from the environment, and the one table of gate options."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "FORMATS",
    "GATE_OPTIONS",
    "TRACKING_URI",
    "Dashboard",
    "Option",
    "colours",
    "dashboard",
    "data_root",
    "environments_dir",
    "forget_pytest_options",
    "goldens_dir",
    "offline_environment",
    "serving_environment",
    "whole_environment",
]

TRACKING_URI = "sqlite:///mlflow.db"  # where MLflow keeps its runs, unless somebody says otherwise


@dataclass(frozen=True, slots=True)
class Option:
    """One option of `trueto gate`, of which command line, pytest and docs are made."""

    name: str
    help: str
    metavar: str = ""
    multiple: bool = False
    choices: tuple[str, ...] = ()
    default: str | None = None
    flag: bool = False


@dataclass(frozen=True, slots=True)
class Dashboard:
    """What the page inside MLflow's server shows: the site's folder, the store of the runs, and whether users have to say who they are."""

    site: Path
    tracking_uri: str
    auth: bool


LAYERS = ("schedule", "start", "update", "trajectory", "noise", "module", "preprocess", "pipeline", "training", "invariance")

FORMATS = ("json", "markdown", "junit", "sarif", "badge", "github")  # what `--format` knows besides its table

GATE_OPTIONS: tuple[Option, ...] = (
    Option("reference", "only this original algorithm, as k_diffusion/dpmpp_2m (glob allowed)", "NAME", multiple=True),
    Option("claim", "only this claim of the candidate (glob allowed)", "NAME", multiple=True),
    Option("layer", f"only this layer: {', '.join(LAYERS)} (glob allowed)", "NAME", multiple=True),
    Option("case", "only this case, as karras-20 (glob allowed)", "NAME", multiple=True),
    Option("seed", "only cases drawn from this seed", "N", multiple=True),
    Option("profile", "how to run it: see `trueto list profiles`; `all` runs every one that can run", "NAME", multiple=True),
    Option("ledger", "declared deviations to use instead of the candidate's own deviations.toml", "FILE"),
    Option("fail-on", "what makes the exit code 1", choices=("undeclared", "any", "none"), default="undeclared"),
    Option("quick", "one or two cases for each claim, in seconds", flag=True),
    Option(
        "laws",
        "how many X to draw beyond the recorded ones, for claims that state a domain (docs/laws.md)",
        choices=("dev", "ci", "nightly", "none"),
        default="none",
    ),
    Option(
        "weights",
        "judge on a checkpoint of yours: a .safetensors as CompVis released it, or a folder of diffusers (docs/weights.md)",
        "PATH",
    ),
    Option(
        "source", "a clone of the library: judge the examples of training that it publishes beside its package (docs/outputs.md)", "DIR"
    ),
    Option(
        "control", "run specs and a published original beside it, to tell a change of the environment from one of the library", flag=True
    ),
    Option("jobs", "worker processes", "N", default="2"),
)


def data_root() -> Path:
    """The folder that holds references/, fixtures/ and suites/.

    In a checkout that is the repository; in an installed wheel it is `trueto/_data`. `TRUETO_ROOT` overrides both.
    """
    override = os.environ.get("TRUETO_ROOT")
    if override:
        return Path(override)
    package = Path(__file__).resolve().parent
    installed = package / "_data"
    return installed if installed.is_dir() else package.parents[1]


def environments_dir() -> Path:
    """Where other releases of a library are kept, a folder a package (`TRUETO_ENVIRONMENTS`, else .trueto/environments here)."""
    return Path(os.environ.get("TRUETO_ENVIRONMENTS") or Path(".trueto") / "environments")


def goldens_dir() -> Path:
    """Where what originals return on checkpoints of users is kept, a folder for each (`TRUETO_GOLDENS`, else .trueto/goldens here)."""
    return Path(os.environ.get("TRUETO_GOLDENS") or Path(".trueto") / "goldens")


def forget_pytest_options() -> None:
    """Drop the user's own pytest options from this process: they belong to his tests and must not thin out a gate."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(name, None)


def offline_environment() -> dict[str, str]:
    """This process's environment with hubs, telemetry and updates of candidates switched off."""
    quiet = {
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONHASHSEED": "0",
    }
    return {**os.environ, **quiet}


def dashboard() -> Dashboard:
    """The settings of the page in MLflow's server (`TRUETO_SITE`, `TRUETO_TRACKING_URI`, `TRUETO_AUTH`)."""
    uri = os.environ.get("TRUETO_TRACKING_URI") or TRACKING_URI
    return Dashboard(Path(os.environ.get("TRUETO_SITE") or "reports"), uri, os.environ.get("TRUETO_AUTH") == "1")


def serving_environment(site: Path, tracking_uri: str, *, auth: bool) -> dict[str, str]:
    """This process's environment for MLflow's server: telemetry and background jobs off, and what `dashboard` reads."""
    own = {
        "TRUETO_SITE": str(site.resolve()),
        "TRUETO_TRACKING_URI": tracking_uri,
        "TRUETO_AUTH": "1" if auth else "",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
    }
    return {**os.environ, **own}


def colours() -> bool:
    """Whether a terminal may be written to in colours: the user has not set `NO_COLOR`."""
    return "NO_COLOR" not in os.environ


def whole_environment() -> dict[str, str]:
    """This process's environment, for what GitHub Actions says in it."""
    return dict(os.environ)
