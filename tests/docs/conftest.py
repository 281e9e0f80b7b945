"""What the pages are compared with: the synthesised templates."""

from __future__ import annotations

import pytest

from docs.generate import example_templates
from docs.generate.example_templates import Template


@pytest.fixture(scope="session")
def templates() -> dict[str, Template]:
    """The template of each stack of promotion.yaml by the stack's name, with every option that adds permissions."""
    return example_templates.templates()
