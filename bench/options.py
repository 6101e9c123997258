"""What the options of the benches' command lines are made of, for argparse."""

from __future__ import annotations

import argparse

from bench.frames import address_of


def url(text: str) -> str:
    """Where a node is: ``ws://HOST:PORT/PATH``."""
    try:
        address_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def mode(text: str) -> tuple[str, tuple[int, ...]]:
    """A game mode and the sizes of its teams: ``NAME=5+5``."""
    name, _, teams = text.rpartition("=")
    sizes = teams.split("+")
    if not name or not all(size.isdecimal() and int(size) for size in sizes):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=SIZE+SIZE, the sizes of its teams")
    return name, tuple(map(int, sizes))


def span(text: str) -> tuple[float, float]:
    """Seconds from least to most: ``0.2-1``."""
    try:
        least, _, most = text.partition("-")
        return float(least), float(most or least)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not FROM-TO, in seconds") from None
