"""The S3 objects that a model refers to: discovery, inventory, copy, verification."""
