"""The tokens of players, as the command line gives them; nobody verifies them here."""

from __future__ import annotations

import argparse
import base64
import json
from pathlib import Path


def subject(token: str) -> str:
    """The ``sub`` of a JSON Web Token. Raises ValueError."""
    try:
        payload = token.split(".")[1]
        name = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"]
    except (ValueError, IndexError, KeyError, TypeError):
        name = None
    if not isinstance(name, str):
        raise ValueError("not a JSON Web Token with a sub")
    return name


def token(text: str) -> str:
    """A token, for argparse; a wrong one is not shown."""
    try:
        subject(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def tokens_in(path: str) -> list[str]:
    """The tokens in a file, one a line, for argparse."""
    try:
        lines = Path(path).read_text().split()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise argparse.ArgumentTypeError(f"{path}: no text") from None
    if not lines:
        raise argparse.ArgumentTypeError(f"{path}: no token in it")
    return [token(line) for line in lines]
