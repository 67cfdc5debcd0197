"""What a test machine cannot reach, speaking the same protocol: r2u, CRAN with bspm, S3.

Nothing outside the tests may import this.
"""
