"""The user's own packages: a virtual environment and an R library in the project."""
