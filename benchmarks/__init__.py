"""Measurements that are run by hand, and whose results stand in docs/."""
