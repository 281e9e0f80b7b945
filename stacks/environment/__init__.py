"""An environment's stack: the roles and buckets of a source and of a target."""
