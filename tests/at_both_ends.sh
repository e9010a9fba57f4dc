#!/bin/sh
# Run the tests with the oldest libraries we support, and with the newest on the newest Python found;
# each with a user model that is not Django's own.
# Says so, loudly, where no newer Python is to be found.
set -eu

run_with() { # NAME PYTHON REQUIREMENTS USER_MODEL TESTS
    venv=".venv-$1"
    stamp="$venv/.installed"
    if ! cmp -s "$3" "$stamp"; then
        rm -rf "$venv"
        "$2" -m venv "$venv"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$3"
        cp "$3" "$stamp"
    fi
    "$venv/bin/python" -c 'import django, sys; print(f"Python {sys.version.split()[0]}, Django {django.__version__}")'
    TEST_ROUNDS=2 TEST_USER_MODEL="$4" "$venv/bin/python" -m pytest -n auto -q -m "$5"
}

find_newer_python() {
    for version in 3.14 3.13 3.12; do
        for candidate in "python$version" "$HOME/.pyenv/versions/$version".*/bin/python; do
            if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c 'import venv' 2>/dev/null; then
                command -v "$candidate"
                return
            fi
        done
    done
}

run_with lowest "${PYTHON:-python3}" requirements/lowest.txt email "not once"

newer=$(find_newer_python)
if [ -n "$newer" ]; then
    run_with newest "$newer" requirements/dev.txt uuid ""
else
    echo "SKIPPED: no Python 3.12 or newer here, so Django 6 was not tested." >&2
    [ "${CI:-}" = "" ] || exit 1
fi
