"""The texts in other languages: nothing left out, nothing broken, in step with the sources."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from gettext import GNUTranslations, c2py
from pathlib import Path

import django
import pytest
from babel.messages.pofile import read_po
from django.utils.translation import get_language_bidi, gettext, override

import jwt_sessions
from tests.servers import need

PACKAGE = Path(jwt_sessions.__file__).parent
LANGUAGES = sorted(path.name for path in (PACKAGE / "locale").iterdir())
A_TEXT = "Signed-in sessions"
# Zero to two hundred, and millions, which are a plural of their own in Spanish.
NUMBERS = [*range(201), 10**6, 2 * 10**6]
NAMED = re.compile(r"%\(\w+\)[a-z]|\{\w*\}|</?\w[^>]*>")
UNNAMED = re.compile(r"%[a-z]")

each_language = pytest.mark.parametrize("language", LANGUAGES)


def catalogue_of(language, package=PACKAGE):
    path = package / "locale" / language / "LC_MESSAGES" / "django.po"
    with path.open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def compiled(language):
    """Return what the compiled catalogue has, under the names that gettext gives it."""
    path = PACKAGE / "locale" / language / "LC_MESSAGES" / "django.mo"
    assert path.exists(), "`make catalogues` compiles the translations"
    with path.open("rb") as file:
        catalogue = dict(GNUTranslations(file)._catalog)
    del catalogue[""]
    return catalogue


def texts(message):
    """Return what is translated, and by what: of each, all the plural forms."""
    if message.pluralizable:
        return tuple(message.id), tuple(message.string)
    return (message.id,), (message.string,)


def messages_of(catalogue):
    return [message for message in catalogue if message.id]


def is_translated(message):
    return all(texts(message)[1]) and not message.fuzzy


def translated(language):
    """Return what is translated and to be judged: by its id, its translations."""
    for message in messages_of(catalogue_of(language)):
        if is_translated(message):
            yield message, *texts(message)


def keys(catalogue):
    return {(message.context, *texts(message)[0]) for message in messages_of(catalogue)}


def lone_forms(catalogue):
    """Return the plural forms that are used with one number only, and need not show it."""
    rule, uses = c2py(catalogue.plural_expr), defaultdict(list)
    for number in NUMBERS:
        uses[rule(number)].append(number)
    return {form for form, numbers in uses.items() if len(numbers) == 1}


def test_there_are_languages():
    assert {"ar", "es"} <= set(LANGUAGES)


@pytest.mark.once
@each_language
def test_every_text_is_translated(language):
    catalogue = catalogue_of(language)
    left = [message.id for message in messages_of(catalogue) if not is_translated(message)]
    assert left == []


@pytest.mark.once
@each_language
def test_the_plurals_are_those_of_the_language(language):
    catalogue = catalogue_of(language)
    rule = c2py(catalogue.plural_expr)
    djangos = Path(django.__file__).parent / "conf" / "locale" / language
    with (djangos / "LC_MESSAGES" / "django.mo").open("rb") as file:
        djangos_rule = GNUTranslations(file).plural
    assert [rule(number) for number in NUMBERS] == [djangos_rule(number) for number in NUMBERS]
    assert {rule(number) for number in NUMBERS} == set(range(catalogue.num_plurals))
    assert not [
        message.id
        for message, _, forms in translated(language)
        if message.pluralizable and len(forms) != catalogue.num_plurals
    ]


@pytest.mark.once
@each_language
def test_a_translation_keeps_what_is_put_into_it(language):
    """Names, and HTML. A plural form of one number may do without the number."""
    lone = lone_forms(catalogue_of(language))
    broken = []
    for message, ids, forms in translated(language):
        named = set().union(*(NAMED.findall(text) for text in ids))
        for form, text in enumerate(forms):
            missing, added = named - set(NAMED.findall(text)), set(NAMED.findall(text)) - named
            is_lone = message.pluralizable and form in lone
            if len(missing) > is_lone or added or UNNAMED.findall(text) != UNNAMED.findall(ids[-1]):
                broken.append((message.id, text))
    assert broken == []


@pytest.mark.once
@each_language
def test_a_translation_can_be_filled_in(language):
    broken = []
    for message, _, forms in translated(language):
        for text in forms:
            if not message.python_format:
                continue
            try:
                text % defaultdict(int)
            except (TypeError, ValueError) as error:
                broken.append((text, str(error)))
    assert broken == []


@pytest.mark.once
@each_language
def test_a_translation_begins_and_ends_its_lines_as_the_text_does(language):
    def ends(text):
        return text.startswith("\n"), text.endswith("\n")

    broken = [
        (message.id, text)
        for message, ids, forms in translated(language)
        for text in forms
        if ends(text) != ends(ids[-1])
    ]
    assert broken == []


@pytest.fixture(scope="module")
def texts_of_the_sources(tmp_path_factory):
    """Return what `make messages` finds, for a language that has no catalogue yet."""
    need("xgettext")
    copy = tmp_path_factory.mktemp("sources") / "jwt_sessions"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("locale", "__pycache__"))
    (copy / "locale").mkdir()
    environment = {**os.environ, "PYTHONSAFEPATH": "yes"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "-m", "django", "makemessages", "--locale", "es", "--verbosity", "0"]
    subprocess.run(command, cwd=copy, env=environment, check=True, capture_output=True, timeout=120)
    return keys(catalogue_of("es", copy))


@pytest.mark.once
@each_language
def test_a_catalogue_has_the_texts_of_the_sources(language, texts_of_the_sources):
    has = keys(catalogue_of(language))
    assert (texts_of_the_sources - has, has - texts_of_the_sources) == (set(), set()), (
        "`make messages` brings the catalogues up to date"
    )


@each_language
def test_what_is_compiled_is_what_is_translated(language):
    expected = {}
    for message, ids, forms in translated(language):
        name = f"{message.context}\x04{ids[0]}" if message.context else ids[0]
        if message.pluralizable:
            expected |= {(name, form): text for form, text in enumerate(forms)}
        else:
            expected[name] = forms[0]
    assert compiled(language) == expected, "`make catalogues` compiles the translations"


@each_language
def test_people_read_their_language(language):
    with override(language):
        assert gettext(A_TEXT) != A_TEXT


def test_arabic_is_read_from_right_to_left():
    with override("ar"):
        assert get_language_bidi()
