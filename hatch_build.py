"""Compile the translations: by the wheel's build, and by `make catalogues`.

Babel does it in pure Python, so that nobody needs GNU gettext to install, run or test the app.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = "jwt_sessions/locale/*/LC_MESSAGES/django.po"
# A catalogue says when it was made. The same source makes the same bytes, so it says this.
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


def compile_catalogues(root: Path) -> list[Path]:
    """Compile every catalogue below `root`, and return what came of them."""
    return [compile_catalogue(source) for source in sorted(root.glob(SOURCES))]


def compile_catalogue(source: Path) -> Path:
    """Compile one catalogue without what is marked fuzzy, which nobody has looked at."""
    with source.open("rb") as po:
        catalogue = read_po(po, locale=source.parent.parent.name, abort_invalid=True)
    for message in list(catalogue):
        # Babel would fill the gaps in English, whose plurals are not those of the language.
        if message.pluralizable and not all(message.string):
            catalogue.delete(message.id, message.context)
    catalogue.creation_date = catalogue.revision_date = ALWAYS
    unfinished = source.with_suffix(".mo.unfinished")
    with unfinished.open("wb") as mo:
        write_mo(mo, catalogue)
    return unfinished.replace(source.with_suffix(".mo"))


class CatalogueHook(BuildHookInterface):
    """Puts compiled catalogues, which git ignores, into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before hatchling looks for files."""
        root = Path(self.root)
        compiled = compile_catalogues(root)
        build_data["artifacts"] += [f"/{path.relative_to(root).as_posix()}" for path in compiled]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        for name in sys.argv[1:]:
            compile_catalogue(Path(name))
    else:
        compile_catalogues(Path(__file__).parent)
