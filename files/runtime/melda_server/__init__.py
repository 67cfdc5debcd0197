"""What is added to Jupyter's server process: who may ask, and what its log does not say."""
