"""Recording F to Y: running an original in its own process and keeping what it returned."""
