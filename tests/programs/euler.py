"""A program that speaks the contract of docs/any-language.md: Euler's method without numpy, which misbehaves as its claim says.

`implementation` names the behaviour: one of the functions below that are marked so, or `faithful`.
"""

import array
import base64
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

CODES = {"float32": "f", "float64": "d"}


def say(**message):
    """One line to the harness."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def hear():
    """One line from the harness."""
    return json.loads(sys.stdin.readline())


def numbers(text, dtype):
    """A tensor as a flat list."""
    return array.array(CODES[dtype], base64.b64decode(text)).tolist()


def text(values, dtype):
    """The same as it travels."""
    return base64.b64encode(array.array(CODES[dtype], values).tobytes()).decode()


def levels(asked):
    """The model's own levels, 0 at the end, and the logarithms of all levels that it was trained at."""
    logs = [0.5 * math.log((1 - a) / a) for a in numbers(asked["alphas_cumprod"], "float64")]
    n, last = asked["case"]["steps"], len(logs) - 1
    times = [last * (1 - i / max(n - 1, 1)) for i in range(n)]
    mixed = [(1 - t % 1) * logs[math.floor(t)] + (t % 1) * logs[math.ceil(t)] for t in times]
    return [*numbers(text(list(map(math.exp, mixed)), asked["dtype"]), asked["dtype"]), 0.0], logs


def time_of(sigma, logs):
    """The training time of a level."""
    wanted = math.log(sigma)
    low = max(0, min(sum(log <= wanted for log in logs) - 1, len(logs) - 2))
    return low + max(0.0, min(1.0, (logs[low] - wanted) / (logs[low] - logs[low + 1])))


def euler(asked, *, slope=1.0, **changes):
    """A whole run; `changes` are put into its result, `slope` is a fault of the update rule."""
    dtype = asked["dtype"]
    sigmas, logs = levels(asked)
    x = [value * sigmas[0] for value in numbers(asked["noise"], dtype)]
    start = [value / math.sqrt(sigmas[0] ** 2 + 1) for value in x]
    for step in range(len(sigmas) - 1):
        sigma = sigmas[step]
        scaled = [value / math.sqrt(sigma**2 + 1) for value in x]
        say(id=asked["id"], ask="network", x=text(scaled, dtype), t=time_of(sigma, logs), step=step)
        out = numbers(hear()["value"], dtype)
        x = [value + slope * eps * (sigmas[step + 1] - sigma) for value, eps in zip(x, out, strict=True)]
    result = {"id": asked["id"], "levels": sigmas, "level_kind": "sigma", "start": text(start, dtype), "sample": text(x, dtype)}
    return {**result, **changes}


def faithful(asked):
    """What the original does."""
    say(**euler(asked))


def drifts(asked):
    """Goes a thousandth too far in each step."""
    say(**euler(asked, slope=1.001))


def crashes(asked):
    """Dies by a signal."""
    os.kill(os.getpid(), signal.SIGSEGV)


def exits_midway(asked):
    """Leaves after its first question."""
    say(id=asked["id"], ask="network", x=asked["noise"], t=1.0, step=0)
    hear()
    sys.exit(3)


def raises(asked):
    """An exception of its own that nobody catches."""
    raise ValueError("sigma must be positive")


def reports_an_error(asked):
    """An exception of its own, said as such."""
    say(id=asked["id"], error="ValueError", message="sigma must be positive")


def babbles(asked):
    """Prints for its users."""
    sys.stdout.write("Loading pipeline... 100%\n")
    sys.stdout.flush()


def answers_a_list(asked):
    """JSON, but no message."""
    sys.stdout.write("[1, 2]\n")
    sys.stdout.flush()


def is_silent(asked):
    """Sleeps."""
    time.sleep(60)


def is_slow(asked):
    """Asks and asks, slowly."""
    for step in range(100):
        time.sleep(0.2)
        say(id=asked["id"], ask="network", x=asked["noise"], t=1.0, step=step)
        hear()


def asks_for_ever(asked):
    """Asks without end."""
    while True:
        say(id=asked["id"], ask="network", x=asked["noise"], t=1.0, step=0)
        hear()


def floods(asked):
    """One line without end."""
    while True:
        sys.stdout.write("x" * 65536)


def floods_lines(asked):
    """Lines without end."""
    while True:
        say(id=asked["id"], ask="nothing")


def closes_its_output(asked):
    """Closes its output and stays."""
    os.close(1)
    time.sleep(60)


def has_the_wrong_id(asked):
    """Answers the request before."""
    say(**euler(asked, id=asked["id"] - 1))


def sends_too_much(asked):
    """A sample that is too large."""
    say(**euler(asked, sample=text([0.0] * 500, asked["dtype"])))


def sends_too_little(asked):
    """A sample of nothing."""
    say(**euler(asked, sample=""))


def sends_no_base64(asked):
    """A sample that is no tensor."""
    say(**euler(asked, sample="?!"))


def sends_no_result(asked):
    """An answer that the contract does not know."""
    say(id=asked["id"], ok=True)


def names_no_kind(asked):
    """Levels of an unknown kind."""
    say(**euler(asked, level_kind="noise"))


def tells_no_time(asked):
    """Asks the network at no time."""
    say(id=asked["id"], ask="network", x=asked["noise"], t=None, step=0)
    hear()


def asks_for_the_golden(asked):
    """Asks for what nobody gives."""
    say(id=asked["id"], ask="golden", step=0)
    hear()


def calls_nothing(asked):
    """Returns the noise."""
    sigmas, _ = levels(asked)
    say(id=asked["id"], levels=sigmas, level_kind="sigma", start=asked["noise"], sample=asked["noise"])


def returns_nan(asked):
    """Returns what is no number."""
    say(**euler(asked, sample=text([math.nan] * len(numbers(asked["noise"], asked["dtype"])), asked["dtype"])))


def eats_memory(asked):
    """Takes memory without end."""
    hoard = []
    while True:
        hoard.append(b"x" * (1 << 26))


def complains(asked):
    """Fills its standard error."""
    sys.stderr.write("warning: " * 200000)
    faithful(asked)


def forks(asked):
    """Leaves a child behind."""
    subprocess.Popen(["sleep", "3600.25"])
    faithful(asked)


def draws(asked):
    """Asks for three draws, and adds none of them."""
    for step in (0, 0, 1):
        say(id=asked["id"], ask="noise", step=step)
        hear()
    say(id=asked["id"], levels=[1.0, 0.0], level_kind="sigma", start=asked["noise"], sample=asked["noise"])


def reads_goldens(asked):
    """Looks up what the original returned; the harness runs it in a checkout, or it names the file."""
    Path(os.environ["GOLDEN"]).read_bytes()
    faithful(asked)


def answers_twice(asked):
    """The second answer lies there when the next run asks, and must not be taken for its own."""
    result = euler(asked)
    say(**result)
    say(**result)


def answers_with_another_cell(asked):
    """What it computed for half as many steps, with the right id."""
    fewer = {**asked, "case": {**asked["case"], "steps": asked["case"]["steps"] // 2}}
    say(**euler(fewer))


def main():
    """Answer until the input ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["op"] == "hello":
            say(id=asked["id"], contract=1, version="1.0", dtypes=["float32", "float64"])
        else:
            globals()[asked["implementation"]](asked)


if __name__ == "__main__":
    main()
