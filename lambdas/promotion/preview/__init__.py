"""The temporary endpoint on which a model is tested before traffic moves."""
