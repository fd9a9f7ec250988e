"""The adapter itself raises when it is read."""

raise RuntimeError("the adapter is broken: no configuration found")
