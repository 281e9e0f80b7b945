"""The S3 objects that a model needs: found, listed, copied, verified."""
