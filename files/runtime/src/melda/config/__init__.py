"""Environ in, settings out: all validators, no side effects. Each raises ConfigError for what is invalid, in one line."""
