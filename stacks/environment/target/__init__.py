"""A target: the bucket that artifacts are copied to, the roles that deploy models, and the role that models run as."""
