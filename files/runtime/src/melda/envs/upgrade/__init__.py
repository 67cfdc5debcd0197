"""Carrying the packages of another Python or R over: each installed again; see docs/envs.md."""
