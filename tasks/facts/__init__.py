"""Facts that pyinfra has not, or not right for us: each says why, and tests/operations/test_pyinfra.py shows it."""
