"""From an explanation to an entry of the ledger: made, tried against the judge, and only then appended."""

from __future__ import annotations

import json
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

from trueto.candidates import is_file, ledger_path
from trueto.errors import UsageError
from trueto.judge import factor
from trueto.ledger import Deviation, load_ledger
from trueto.model import Judgement
from trueto.running.explain.account import Explanation
from trueto.running.explain.subject import Subject, ledger_name
from trueto.running.explain.text import variant_text
from trueto.running.releases import release_of

__all__ = ["Entry", "append_entry", "entry_for", "ledger_file", "refuse_if_needless"]

WIDTH = 2.0  # a band reaches from half to twice the measured ratio: two runs of one library on two CPUs differ by less


@dataclass(frozen=True, slots=True)
class Entry:
    """What goes into the ledger about one cell: a variant, or a band where nothing explains it."""

    variant: str
    band: tuple[float, float] | None
    reason: str
    owner: str

    def text(self, found: Explanation) -> str:
        """The entry as TOML, for exactly this claim, layer, case and profile."""
        subject = found.subject
        rows: list[tuple[str, object]] = [
            ("reference", subject.ref.id),
            ("claims", [subject.claim.id]),
            ("layers", [str(found.layer)]),
            ("cases", [subject.case.id]),
            *([] if subject.profile.id == "default" else [("profiles", [subject.profile.id])]),
            ("variant", self.variant) if self.band is None else ("band", list(self.band)),
            ("reason", self.reason),
            ("owner", self.owner),
            ("since", subject.gate.version),
        ]
        return "[[deviation]]\n" + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in rows)


def ledger_file(subject: Subject, chosen: str | None) -> Path:
    """The ledger that the entry goes to: the one given, the candidate's own, or a new one beside an adapter's file."""
    if chosen:
        return Path(chosen)
    spec = subject.gate.spec
    own = ledger_path(spec)
    if own is not None:
        return own
    if is_file(spec):
        return Path(spec).parent / "deviations.toml"
    raise UsageError(f"candidate {spec} has no deviations.toml to append to", "--ledger FILE")


def refuse_if_needless(subject: Subject, found: Explanation) -> None:
    """UsageError where there is nothing to declare, or it is declared already."""
    cell = subject.cell(found.layer)
    if not found.differs:
        raise UsageError(
            f"{cell.id} is {found.judgement.verdict}: {found.judgement.reason}; there is nothing to declare", subject.gate.command(cell)
        )
    known = subject.ledger.covering(cell)
    if known and (judged := subject.judged_with(found.layer, known)).verdict.declared:
        said = "; ".join(entry.variant or f"band {entry.band}" for entry in known)
        raise UsageError(f"{cell.id} is declared already, by {said}: {judged.reason}", subject.gate.command(cell))


def entry_for(found: Explanation, reason: str, owner: str, *, band: bool) -> Entry:
    """The entry that the explanation gives; UsageError where it gives none."""
    if not band:
        if found.search is None or not found.search.found:
            raise UsageError(
                f"no variant of {found.subject.ref.id} restores agreement, so there is nothing exact to declare",
                "write the knob that is missing (CONTRIBUTING.md, variant), or as a last resort --band",
            )
        return Entry(_new_knobs(found), None, reason, owner)
    ratio = found.judgement.ratio
    if ratio is None or not math.isfinite(ratio):
        raise UsageError("the difference has no ratio that a band could be put around", "trueto explain, then a variant")
    if ratio <= factor():
        raise UsageError("it differs in float64 only, where a band of float32 ratios sees nothing", "trueto explain, then a variant")
    return Entry("", (max(float(f"{ratio / WIDTH:.3g}"), factor()), float(f"{ratio * WIDTH:.3g}")), reason, owner)


def _new_knobs(found: Explanation) -> str:
    """The variant without what the ledger says of this cell already; UsageError where the ledger says something else."""
    assert found.search is not None
    chosen = found.search.found[0]
    known: dict[str, str] = {}
    for entry in found.subject.ledger.covering(found.subject.cell(found.layer)):
        known |= entry.knobs
    if clash := [f"{knob}={value}" for knob, value in chosen.knobs.items() if known.get(knob, value) != value]:
        raise UsageError(
            f"explain found {', '.join(clash)}, but the ledger declares another value for this cell", "change that entry of the ledger"
        )
    left = {knob: value for knob, value in chosen.knobs.items() if knob not in known}
    return ",".join(f"{knob}={value}" for knob, value in left.items()) or variant_text(chosen)


def append_entry(found: Explanation, entry: Entry, path: Path) -> Judgement:
    """Append the entry and judge the cell with the ledger as it then stands; UsageError, and nothing written, unless it is declared."""
    name = ledger_name(found.subject.gate.spec)
    before = path.read_text() if path.is_file() else f"candidate = {json.dumps(name)}\n"
    begin = "" if before.endswith("\n") else "\n"
    added = f"{begin}\n{entry.text(found)}"
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "deviations.toml"
        trial.write_text(before + added)
        _must_declare(found, trial, name)
    try:
        new = not path.is_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write((before if new else "") + added)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", "--ledger FILE") from error
    return _must_declare(found, path, name)


def _must_declare(found: Explanation, path: Path, name: str) -> Judgement:
    """The verdict with a ledger, which must be that the cell is declared."""
    entries: tuple[Deviation, ...] = load_ledger(path, name, release_of(found.subject.gate.spec)).covering(found.subject.cell(found.layer))
    judged = found.subject.judged_with(found.layer, entries)
    if not judged.verdict.declared:
        raise UsageError(
            f"with this entry the cell would be {judged.verdict} ({judged.reason}), because the ledger says "
            f"{'; '.join(entry.variant or str(entry.band) for entry in entries)} of it together; nothing was written",
            "change the entries that are there",
        )
    return judged
