"""promotion.yaml and the files that it includes: what they say, with the file and line of each value."""
