"""A file without ADAPTER."""

NAME = "no_adapter"
