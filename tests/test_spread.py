"""The spread of a spec is its rounding, also where its nudged repetitions cannot be run stacked."""

import numpy as np
import pytest

from trueto.fixtures import network, schedule
from trueto.references import observe_spec, reference, spec

ADAPTIVE = [("k_diffusion/dpm_adaptive", "order-3"), ("dpm_solver/adaptive", "order3")]


@pytest.mark.parametrize(("name", "case"), ADAPTIVE)
@pytest.mark.parametrize("copies", [1, 2])
def test_the_open_network_answers_each_place_of_a_batch_however_many_copies_are_stacked(name, case, copies):
    """One copy alone, and several stacked ones, get what the network itself says at their places in the batch."""
    chosen = reference(name).case(case)
    plain = network("open", schedule(chosen.schedule), chosen.parameterization)(np.zeros(chosen.shape), np.full(chosen.shape[0], 500.0))
    stacked = (copies * chosen.shape[0], *chosen.shape[1:])
    answer = spec._called(chosen, "open")(np.zeros(stacked), np.full(stacked[0], 500.0))
    assert chosen.shape[0] > 1
    assert np.concatenate([plain] * copies).tobytes() == answer.tobytes()


@pytest.mark.parametrize(("name", "case"), ADAPTIVE)
def test_where_a_norm_is_taken_over_the_whole_batch_copies_run_apart_on_the_same_network(name, case, monkeypatch):
    """The spread is bit by bit what it is where every call asks the network itself."""
    chosen = reference(name).case(case)
    found = observe_spec(reference(name), chosen, "open", spread="float32").spread
    monkeypatch.setattr(spec, "_called", lambda case, net: network(net, schedule(case.schedule), case.parameterization))
    for remembered in (spec._remembered, spec._both):
        remembered.cache_clear()
    plain = observe_spec(reference(name), chosen, "open", spread="float32").spread
    assert plain.rms.max() > 0
    assert plain.rms.tobytes() == found.rms.tobytes()
    assert plain.maximum.tobytes() == found.maximum.tobytes()
