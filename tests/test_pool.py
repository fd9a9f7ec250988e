"""Workers are fed quickly while the judge computes, and the process is left as it was."""

import sys

from trueto.running.client import Limits
from trueto.running.gate import Gate
from trueto.running.ledger import Ledger
from trueto.running.plan import Selection
from trueto.running.pool import SWITCH, Pool
from trueto.running.profiles import profile


def test_threads_take_turns_quickly_only_while_there_are_workers():
    """Two profiles have two pools; whoever runs the gate has its own pace back after both are closed."""
    before = sys.getswitchinterval()
    assert before > SWITCH
    gate = Gate("k_diffusion", Selection(), Ledger("", "k_diffusion", ()))
    for name in ("default", "bfloat16"):
        gate._pools[name] = Pool(gate.spec, profile(name), 1, Limits())
    assert sys.getswitchinterval() < before / 5
    gate.close()
    assert sys.getswitchinterval() - before < SWITCH
    assert before - sys.getswitchinterval() < SWITCH
