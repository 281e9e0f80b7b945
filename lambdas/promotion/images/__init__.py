"""Container images: parsing and mapping of references, and copies between image registries."""
