"""Step Functions as far as a definition uses it: states, expressions, retries, catches, maps, callbacks."""
