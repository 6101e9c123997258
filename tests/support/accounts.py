"""A real matchd that believes tokens: its settings, and tokens that are good now."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.support.fleet import Fleet
from tests.support.keys import SECRET
from tests.support.tokens import AUDIENCE, ISSUER, Signer, signer

SETTINGS = f"""
[auth]
mode = "jwt"
audience = "{AUDIENCE}"
issuer = "{ISSUER}"
leeway = 0
expiry_grace = 2
"""
BY_SECRET = f'{SETTINGS}key_file = "accounts.key"\n'


def token(player_id: str, by: Signer | None = None, **claims: Any) -> str:
    """One that is good for ten minutes from now, but for the claims."""
    return (by or signer()).token(player_id, **{"exp": time.time() + 600, **claims})


def settings_file(fleet: Fleet, name: str, content: str) -> str:
    """The file, with its secret beside it."""
    Path(fleet.file("accounts.key", SECRET)).chmod(0o600)
    return fleet.file(name, content)
