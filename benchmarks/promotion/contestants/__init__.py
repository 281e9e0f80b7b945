"""What brings a model into service: Promote, and what a user would run otherwise."""
