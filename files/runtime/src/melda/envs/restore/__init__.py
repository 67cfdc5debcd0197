"""Making a container match a capture."""
