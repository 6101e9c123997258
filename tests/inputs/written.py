"""Everything that was written down, by category."""

from __future__ import annotations

from tests.inputs.moments import MOMENTS
from tests.inputs.requests import REQUESTS
from tests.inputs.texts import TEXTS
from tests.inputs.tokens import TOKENS
from tests.inputs.wires import WIRES

WRITTEN = {**TEXTS, **MOMENTS, **TOKENS, **WIRES, **REQUESTS}
"""Rows of five kinds; a category has rows of one."""
