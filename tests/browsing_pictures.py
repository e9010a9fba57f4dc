"""Pictures of each page of ours in the admin, to look at: python -m tests.browsing_pictures DIR.

Of the demo: in light, in dark and from right to left, each wide and narrow.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from tests.browsing import (
    NARROW,
    WIDE,
    find_pages,
    log_in,
    serve_to_browsers,
    start_chromium,
    visit,
)

LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "rtl": {"locale": "he"},
}


def take_pictures(browser, site, folder):
    """Yield the path of each picture, as it is taken."""
    with visit(browser, site) as page:
        log_in(page, "admin")
        state, pages = page.context.storage_state(), find_pages(page)
    for look, options in LOOKS.items():
        with visit(browser, site, storage_state=state, **options) as page:
            for kind, path in pages.items():
                page.goto(path)
                for size in (WIDE, NARROW):
                    page.set_viewport_size(size)
                    name = re.sub(r"\W+", "-", kind.removeprefix("/admin/")).strip("-")
                    picture = folder / f"{name}.{look}.{size['width']}.png"
                    page.screenshot(path=picture, full_page=True)
                    yield picture


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as scratch,
        serve_to_browsers(Path(scratch)) as site,
        start_chromium() as browser,
    ):
        for picture in take_pictures(browser, site, folder):
            print(picture)  # noqa: T201 - a command
