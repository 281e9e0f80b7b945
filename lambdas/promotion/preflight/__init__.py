"""Everything that is checked before anything is created."""
