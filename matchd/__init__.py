"""matchd: a matchmaking server for online games."""

__version__ = "0.1.0"
