"""What is installed: get-versions and the version service."""
