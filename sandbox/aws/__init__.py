"""A local AWS on loopback: MiniStack with patches, and the services that it lacks."""
