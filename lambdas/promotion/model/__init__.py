"""What a model consists of, and how its definition is adapted to the target."""
