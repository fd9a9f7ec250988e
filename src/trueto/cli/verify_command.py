"""`trueto verify`: show every spec against every golden."""

from __future__ import annotations

from typing import Any

import click

__all__ = ["command"]


@click.command("verify")
@click.argument("references", nargs=-1)
@click.option("--case", "case_id", metavar="NAME", help="only this case")
@click.option("--verbose", "-v", is_flag=True, help="every case and layer, not only the worst of each reference")
def command(references: tuple[str, ...], case_id: str | None, *, verbose: bool) -> int:
    """Check the specs (our short form of each original) against the goldens (what the original returned).

    A spec counts only because it reproduces every golden of its reference: in float64 within the factor times the original's float64
    rounding, and in float32 within its float32 rounding. REFERENCES default to all that have a spec; a network, a pipeline or a loss has
    none, and its goldens alone speak for it. That of CLIP's tokenizer needs the package ftfy, as the original does.
    """
    from trueto.errors import UnknownName, UsageError
    from trueto.judge import factor
    from trueto.references import reference, reference_names
    from trueto.running.certify import certify

    refs = [reference(name) for name in references or reference_names() if references or reference(name).has_spec]
    if specless := [ref.id for ref in refs if not ref.has_spec]:
        raise UsageError(f"{', '.join(specless)}: no spec to verify, the goldens alone speak for it", f"trueto show {specless[0]}")
    known = {case.id for ref in refs for case in ref.cases}
    if case_id is not None and case_id not in known:
        raise UnknownName("case", case_id, known, "trueto show <reference>")
    failed = checked = missing = 0
    click.echo(f"ratio = distance from the original / the original's own rounding; certified when at most {factor():g}\n")
    click.echo(f"{'reference':34}{'checks':>7}{'float64':>10}{'float32':>10}  worst case")
    for ref in refs:
        name, certificates = ref.id, list(certify(ref, case_id))
        checked += len(certificates)
        unchecked = [c.unchecked for c in certificates if c.unchecked]
        bad = [c for c in certificates if not c.passed and not c.unchecked]
        failed += len(bad)
        missing += len(unchecked)
        judged = [c for c in certificates if c.exact is not None]
        raised = sorted({c.case for c in certificates if c.exact is None and not c.unchecked})
        if judged:
            worst = max(judged, key=lambda c: c.ratio)
            native = max(c.native_ratio for c in judged)
            mark = "" if not bad else f"  NOT CERTIFIED: {len(bad)} checks fail"
            click.echo(f"{name:34}{len(certificates):>7}{worst.ratio:>10.2g}{native:>10.2g}  {worst.case} {worst.layer}{mark}")
        if raised:
            click.echo(f"{'':34}the original raises on {', '.join(raised)}")
        if unchecked:
            click.echo(f"{name:34}{len(unchecked):>7} not checked: {unchecked[0]}")
        for certificate in certificates if verbose else bad:
            click.echo(_line(certificate))
    click.echo(f"\n{checked} checks, {failed} failed" + (f", {missing} could not be made" if missing else ""))
    return 1 if failed else 2 if missing else 0


def _line(certificate: Any) -> str:
    if certificate.exact is None:
        return f"    {certificate.case:22} {certificate.layer:12}{certificate.note or certificate.unchecked}"
    exact = certificate.exact
    word = "ok " if certificate.passed else "BAD"
    return (
        f"  {word} {certificate.case:20} {certificate.layer:12}float64 {exact.ratio:9.2g} ({exact.drift:.1e} / {exact.floor:.1e})"
        f"  float32 {certificate.native.ratio:9.2g}  {exact.what}"
    )
