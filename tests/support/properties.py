"""Property tests that never fail because the machine is busy."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A decorator for them, above ``@given``."""
