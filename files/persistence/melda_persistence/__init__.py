"""Keeps what the user installed in the project's bucket; see docs/persistence.md."""
