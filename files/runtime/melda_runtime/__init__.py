"""What runs in the container: Python 3.8 to 3.14, and nothing but the standard library."""
