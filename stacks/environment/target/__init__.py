"""A target: the bucket that models are copied to, the role that deploys them, and the role that they run as."""
