"""What the Lambdas carry of the SDK."""
