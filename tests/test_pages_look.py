"""The pages in the look of a site: by the frame of ``docs/pages.md``, and by single parts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.serving import ROOT

pytestmark = pytest.mark.once

SITE = """
<title>{% block title %}{% endblock %} | Site</title>
{% block styles %}<link rel="stylesheet" href="/site.css">{% endblock %}
<nav>Shop</nav>{% block content %}{% endblock %}
"""
PARTS = "jwt_sessions/pages/parts"


def blocks_of(page):
    return re.findall(r"```django\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)


@pytest.fixture
def override(settings, tmp_path):
    """Let a project have templates of its own."""
    [engine] = settings.TEMPLATES
    settings.TEMPLATES = [{**engine, "DIRS": [tmp_path]}]

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)

    return write


@pytest.mark.parametrize("name", ["overview", "devices", "second_factor", "password"])
def test_a_page_stands_in_the_frame_that_the_docs_show(visitor, override, name):
    [frame] = blocks_of("pages.md")
    override("mysite/base.html", SITE)
    override("jwt_sessions/pages/frame.html", frame)
    visitor.sign_in().open(name)
    [heading] = re.findall(r"<h1>(.*?)</h1>", visitor.text)
    assert f"<title>{heading} | Site</title>" in visitor.text
    assert "<nav>Shop</nav>" in visitor.text
    assert visitor.text.index("/site.css") < visitor.text.index("jwt_sessions/pages.css")
    assert "<html" not in visitor.text


def test_a_part_is_overridden_alone(visitor, override):
    override(f"{PARTS}/device_facts.html", "somewhere near {{ row.address }}")
    visitor.sign_in().open("devices")
    assert "somewhere near 127.0.0.1" in visitor.text
