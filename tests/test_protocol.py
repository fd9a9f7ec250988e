"""The worker protocol: what is really said is what its schema allows, and the schema can say no."""

import copy
import json
from importlib.resources import files

import jsonschema
import pytest
from support import HOSTILE

from trueto.errors import DataError
from trueto.model import Case, Claim
from trueto.references import reference, reference_names
from trueto.running.client import Limits, Worker
from trueto.running.profiles import profile, profile_names
from trueto.workers.protocol import VERSION, claim_from_json, claim_to_json, read_observation, run_request

SCHEMA = json.loads(files("trueto").joinpath("workers/protocol.schema.json").read_text())


def problems(line, part):
    """What the schema has against a line."""
    check = jsonschema.Draft202012Validator({"$ref": f"#/$defs/{part}", "$defs": SCHEMA["$defs"]})
    return [error.message for error in check.iter_errors(line)]


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """Requests with their replies, as really exchanged with workers that do well, raise, die and cannot be read."""
    exchanged = []

    class Spy(Worker):
        def _send(self, request, seconds):
            reply = super()._send(request, seconds)
            exchanged.append((json.loads(json.dumps(request)), reply))
            return reply

    worker = Spy(str(HOSTILE / "everyone.py"), profile("default"))
    broken = Spy(str(HOSTILE / "raises_at_import.py"), profile("default"))
    seeded = Spy(str(HOSTILE.parent / "ported" / "port.py"), profile("default"))
    try:
        claims = {claim["id"].partition("@")[2]: claim_from_json(claim) for claim in worker.describe()["claims"]}
        case = reference("k_diffusion/euler").case("model-2")
        worker.fork().close()
        for name in ("drifts", "raises_midrun", "dies"):
            worker.run(claims[name], case, "closed", Limits(seconds=20), twin=False)
        worker.run(claims["drifts"], case, "seeded", Limits(seconds=20), twin=False)
        broken.load()
        claim = claim_from_json(seeded.describe()["claims"][0])
        fault = seeded.about_faults("reach", claim, [case], Limits(seconds=20), twin=False)["faults"][0]
        seeded.about_faults("differs", claim, [case], Limits(seconds=20), twin=True, fault=fault)
        seeded.run(claim, case, "closed", Limits(seconds=20), twin=False, fault=fault)
    finally:
        seeded.close()
        worker.close()
        broken.close()
    return exchanged


def test_what_is_said_is_valid(said):
    """Every request and every reply of a real exchange follows the schema, and replies carry their request's id."""
    assert {"describe", "load", "fork", "run", "reach", "differs"} == {request["op"] for request, _ in said}
    for request, reply in said:
        assert [] == problems(request, "request")
        assert [] == problems(reply, "reply")
        assert (VERSION, request["id"]) == (reply["protocol"], reply["id"])


def test_all_kinds_of_replies_were_seen(said):
    """The exchange has each kind of reply that a Python worker gives, so that the schema of each is tested."""
    known = ("described", "loaded", "forked", "ran", "raised", "died", "failed")
    assert list(known) == [kind for kind in known if any(not problems(reply, kind) for _, reply in said)]


def test_workers_never_see_a_golden(said):
    """A request holds X by name: no tensor, no floor, no golden."""
    for request, _ in said:
        text = json.dumps(request)
        assert "golden" not in text
        assert "floor" not in text
        assert len(text) < 3000


@pytest.mark.parametrize(
    "spoil",
    [
        lambda line: line.pop("id"),
        lambda line: line.update(id="1"),
        lambda line: line.update(protocol=2),
        lambda line: line.update(op="judge"),
        lambda line: line.update(golden="x"),
        lambda line: line.update(net="shut"),
        lambda line: line.update(output="run.pkl"),
        lambda line: line["limits"].update(seconds=0),
        lambda line: line["case"].pop("shape"),
        lambda line: line["case"].update(shape=[1, 2, 3]),
        lambda line: line["claim"].update(reference="euler"),
        lambda line: line["profile"].update(dtype="int8"),
    ],
)
def test_schema_rejects_a_spoiled_request(said, spoil):
    """A request with a field missing, too many, or of another kind is not valid."""
    line = copy.deepcopy(next(request for request, _ in said if request["op"] == "run"))
    spoil(line)
    assert problems(line, "request")


@pytest.mark.parametrize(
    "line",
    [{}, {"protocol": 1, "id": 1}, {"protocol": 1, "id": 1, "died": 3}, {"protocol": 1, "id": 1, "died": "x", "failed": "y"}, [], "died"],
)
def test_schema_rejects_a_spoiled_reply(line):
    """A reply that is none of the known kinds, or two of them, is not valid."""
    assert problems(line, "reply")


@pytest.mark.parametrize("name", reference_names())
def test_every_case_and_profile_can_be_said(name, tmp_path):
    """Every case of every reference, under every profile, makes a valid request, and comes back as it was."""
    claim = Claim(name, name, "Toy", "docs", "quote", settings={"grids": {"model": {}}})
    assert claim == claim_from_json(json.loads(json.dumps(claim_to_json(claim))))
    for number, case in enumerate(reference(name).cases, 1):
        chosen = profile(profile_names()[number % len(profile_names())]).to_json()
        request = json.loads(
            json.dumps(
                run_request(number, claim, case, "closed", chosen, twin=True, output=tmp_path / "x.safetensors", limits=Limits().to_json())
            )
        )
        assert [] == problems(request, "request")
        assert case == Case.from_json(request["case"])


@pytest.mark.parametrize("data", [{}, {"cases": [], "mood": 1}, {"id": "a", "cases": ["*"]}])
def test_claim_that_cannot_be_read(data):
    """A claim with unknown or missing fields is an error that names where the form is described."""
    with pytest.raises(DataError, match="a claim of the candidate cannot be read") as caught:
        claim_from_json(data)
    assert "docs/worker-protocol.md" == caught.value.hint


def test_answer_file_that_is_none(tmp_path):
    """An answer file that is missing, not safetensors, or lacks tensors is an error and no observation."""
    path = tmp_path / "run.safetensors"
    with pytest.raises(DataError, match="cannot be read"):
        read_observation(path, None, {})
    path.write_bytes(b"\x00" * 100)
    with pytest.raises(DataError, match="cannot be read"):
        read_observation(path, None, {})
    from trueto.store import write_tensors

    write_tensors(path, {}, {"level_kind": "sigma"})
    with pytest.raises(DataError, match="observation lacks told"):
        read_observation(path, None, {})
