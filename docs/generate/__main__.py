"""Write every page of docs/reference/ that has a module here, promotion.schema.json and docs/policies/.

`python -m docs.generate` runs it. A module with a function `render() -> str` is a page of its own name. A test fails
when a page is stale.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from pathlib import Path

from docs import generate
from docs.generate import configuration, policies

REFERENCE = Path(__file__).parent.parent / "reference"


def renderers() -> Mapping[Path, Callable[[], str]]:
    """Return what renders each page, by the page's file."""
    names = (module.name for module in pkgutil.iter_modules(generate.__path__) if module.name != "__main__")
    modules = {name: importlib.import_module(f"{generate.__name__}.{name}") for name in sorted(names)}
    return {REFERENCE / f"{name}.md": module.render for name, module in modules.items() if hasattr(module, "render")}


def main() -> None:
    """Write every page, the schema and the policies."""
    REFERENCE.mkdir(exist_ok=True)
    for page, render in renderers().items():
        page.write_text(render())
    policies.FOLDER.mkdir(exist_ok=True)
    for document, text in policies.files().items():
        document.write_text(text)
    configuration.SCHEMA.write_text(configuration.json_schema_text())
    configuration.PART_SCHEMA.write_text(configuration.part_schema_text())


if __name__ == "__main__":
    main()
