"""`python -m trueto`."""

from trueto.cli import main

main()
