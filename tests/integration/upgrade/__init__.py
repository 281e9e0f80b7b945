"""A deployment while promotions run."""
