"""Each of the properties has its test in tests/integration/test_properties.py, and there only."""

from __future__ import annotations

import ast

from tests import PROJECT

FILE = PROJECT / "tests" / "integration" / "test_properties.py"
PROPERTIES = 18


def test_every_property_has_one_test_in_the_order_of_their_numbers() -> None:
    tests = [
        node
        for node in ast.parse(FILE.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    numbers = [(ast.get_docstring(test) or "").partition(". ")[0] for test in tests]
    assert numbers == [str(number) for number in range(1, PROPERTIES + 1)]


def test_a_property_names_files_with_its_details_that_exist() -> None:
    tree = ast.parse(FILE.read_text())
    text = " ".join(ast.get_docstring(node) or "" for node in tree.body if isinstance(node, ast.FunctionDef))
    files = {word.strip(".,:;") for word in text.split() if word.strip(".,:;").endswith((".py", ".md"))}
    assert files
    assert [file for file in files if not ((PROJECT / file).exists() or list(FILE.parent.rglob(file)))] == []
