"""`make sdk-drift`: what the newest SDK has of our calls, and nobody has decided on yet."""
