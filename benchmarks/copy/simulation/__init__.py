"""A simulated S3 on virtual time: its rates, its throttling, its clients' machines."""
