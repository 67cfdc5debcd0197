"""The daemon that keeps the plugin folders in the bucket."""
