"""How many and how long the parts of a model may be (API: CreateModelInput, ContainerDefinition)."""

from __future__ import annotations

MOST_CONTAINERS = 15
MOST_VARIABLES = 100
MOST_BYTES = 1024  # of a variable's name, and of its value
MOST_BYTES_OF_VARIABLES = 32 * 1024  # of all names and values of all containers together
LONGEST_URL = 1024
