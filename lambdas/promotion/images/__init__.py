"""Container images: what a reference says, and how an image is copied between registries."""
