"""What every part of promotion.yaml is made of: the types of fields, how they describe themselves, their API names."""
