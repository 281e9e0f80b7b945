"""Models, model packages, and the artifacts and images that they name."""
