"""Hypothesis under coverage, which makes what it draws slow to come."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("measured", deadline=None, suppress_health_check=[HealthCheck.too_slow])
