"""The Lambda functions that run several steps each. A step with a function of its own is its handler alone."""
