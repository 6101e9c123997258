"""Hypothesis strategies for what a client may send: names, values, and frames that are nearly messages."""

from __future__ import annotations

import json
from typing import get_args

from hypothesis import strategies as st

from matchd.messages import ClientMessage

KINDS = get_args(ClientMessage)

names = st.text("ABCXYZabcxyz0123456789._-", min_size=1, max_size=64)
numbers = st.integers() | st.floats() | st.sampled_from([10**400, -(10**3000)])
scalars = st.none() | st.booleans() | numbers | st.text(max_size=9)
anything = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=9), scalars, max_size=3)
types = st.sampled_from([kind.__struct_config__.tag for kind in KINDS])
fields = st.sampled_from(sorted({field for kind in KINDS for field in kind.__struct_fields__}))
almost = st.builds(
    lambda type_, others: {"type": type_, **others}, types, st.dictionaries(fields, anything, max_size=3)
)
frames = st.binary(max_size=300) | (anything | almost).map(json.dumps).map(str.encode)
