"""The project's folder: an S3 bucket through s3fs, or a local folder."""
