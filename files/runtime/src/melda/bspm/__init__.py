"""Root's side of bspm: installs and removes apt's R packages for the user, and nothing else."""
