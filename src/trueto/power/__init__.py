"""Seeded faults: how they are made of a library's installed source, put in place of a function, and told in a certificate."""

from trueto.power.certificate import Certificate, read_certificate, write_certificate
from trueto.power.fault import Fault, faults_in
from trueto.power.operators import OPERATORS
from trueto.power.overlay import Overlay

__all__ = ["OPERATORS", "Certificate", "Fault", "Overlay", "faults_in", "read_certificate", "write_certificate"]
