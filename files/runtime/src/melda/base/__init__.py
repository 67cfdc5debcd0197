"""What knows nothing of the product: files, users, processes, the log."""
