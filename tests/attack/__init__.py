"""Attacks on an image, each with what it tries and what it proves: ``make attack IMAGE=…``."""
