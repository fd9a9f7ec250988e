"""Seeded faults and harmless rewrites: made of a library's installed source, put in place of a function, told in a certificate."""

from trueto.power.certificate import Certificate, read_certificate, write_certificate
from trueto.power.fault import Fault, faults_in, rewrites_in
from trueto.power.operators import OPERATORS
from trueto.power.overlay import Overlay
from trueto.power.rewrites import REWRITES
from trueto.power.rewriting import EVERYWHERE, MIXED, NUDGED, UNBOUND

__all__ = [
    "EVERYWHERE",
    "MIXED",
    "NUDGED",
    "OPERATORS",
    "REWRITES",
    "UNBOUND",
    "Certificate",
    "Fault",
    "Overlay",
    "faults_in",
    "read_certificate",
    "rewrites_in",
    "write_certificate",
]
