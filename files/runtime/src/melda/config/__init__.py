"""Environ in, settings out: all validators, no side effects."""
