"""trueto: is this library still true to the original code?"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("trueto")
except PackageNotFoundError:  # running from a tree that was never installed
    __version__ = "0.0.0+uninstalled"

__all__ = ["__version__"]
