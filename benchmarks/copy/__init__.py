"""How fast a copy is: Promote against what a user would run otherwise, on a simulated S3 (docs/performance.md)."""
