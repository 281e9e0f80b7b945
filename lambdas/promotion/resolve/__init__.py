"""From what a person typed to the model that is promoted."""
