# Two commands need nothing but Python, make and git: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
PORT ?= 8000
THROTTLES ?= on
OPTIONS ?=
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
MARIADB_STAMP = $(VENV)/.installed-mariadb

.PHONY: demo test check test-all wheel benchmark lock migrations messages catalogues clean

demo: $(STAMP) catalogues  ## a working site on port 8000 of this machine (PORT=8001, THROTTLES=off)
	$(BIN)/python manage.py migrate --verbosity 0
	$(BIN)/python manage.py seed_demo
	THROTTLES=$(THROTTLES) $(BIN)/python manage.py runserver --noreload 127.0.0.1:$(PORT)

test: $(STAMP) catalogues  ## all tests on SQLite
	$(BIN)/python -m pytest -n auto

check: $(STAMP) catalogues  ## style, types, floors, templates, migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	git ls-files -z '*.html' | xargs -0 $(BIN)/djade --target-version 5.2 --check
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check --fail-level WARNING

# What PostgreSQL is asked by prepared statements, too.
PREPARED = tests/test_compiled.py tests/test_authentication.py tests/test_outage.py $(wildcard tests/test_sessions_*.py tests/test_api_*.py)

# What must be the same with the cached check of revocations.
CACHED = $(PREPARED) tests/test_permissions.py tests/test_step_up_permissions.py $(wildcard tests/test_second_factor_[!c]*.py)

test-all: $(STAMP) $(MARIADB_STAMP) catalogues  ## the same on PostgreSQL and MariaDB, and at both ends of what we support, with other user models
	TEST_DATABASE=postgresql $(BIN)/python -m pytest -n auto -q -m "not once"
	TEST_DATABASE=postgresql TEST_PREPARED=yes $(BIN)/python -m pytest -n auto -q -m "not once and not races" $(PREPARED)
	TEST_DATABASE=postgresql TEST_REVOCATION_CHECK=cached $(BIN)/python -m pytest -n auto -q -m "not once and not races" $(CACHED)
	TEST_DATABASE=mariadb $(BIN)/python -m pytest -n auto -q -m "not once"
	sh tests/at_both_ends.sh

wheel: $(STAMP)  ## build the wheel, install it elsewhere, start it once
	sh tests/wheel_works.sh $(BIN)/python

benchmark: $(STAMP)  ## the same work done by simplejwt and by us, side by side (OPTIONS="--only refresh")
	$(BIN)/python -m benchmarks $(OPTIONS)

COMPILE = $(BIN)/uv pip compile --upgrade --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command 'make lock' --no-emit-index-url --no-emit-find-links -q

lock: $(STAMP)  ## bring the locked versions up to date
	$(COMPILE) --universal --all-extras -o requirements/dev.txt pyproject.toml requirements/dev.in
	$(COMPILE) --resolution lowest-direct --all-extras -o requirements/lowest.txt pyproject.toml requirements/lowest.in
	$(COMPILE) --universal -o requirements/mariadb.txt requirements/mariadb.in

migrations: $(STAMP)  ## write migrations for changed models
	$(BIN)/python manage.py makemigrations jwt_sessions

# What takes GNU gettext. When the sources were last read is left out: it changes without a text that does.
messages: $(STAMP)  ## bring the translations' catalogues up to date with the sources
	cd jwt_sessions && $(abspath $(BIN))/django-admin makemessages --all --add-location file --no-obsolete
	for po in jwt_sessions/locale/*/LC_MESSAGES/django.po; do \
		grep -v '^"POT-Creation-Date: ' $$po > $$po.new && mv $$po.new $$po || exit 1; done

CATALOGUES = $(patsubst %.po,%.mo,$(wildcard jwt_sessions/locale/*/LC_MESSAGES/django.po))

catalogues: $(CATALOGUES)  ## compile the translations that have changed

%.mo: %.po hatch_build.py | $(STAMP)
	$(BIN)/python hatch_build.py $<

clean:
	rm -rf $(VENV) .venv-* jwt_sessions/locale/*/LC_MESSAGES/*.mo build dist db.sqlite3* demo_keys screenshots .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(STAMP): requirements/dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $@

# Compiled, so it takes a compiler and MariaDB's headers (libmariadb-dev on Debian).
$(MARIADB_STAMP): requirements/mariadb.txt $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/mariadb.txt
	touch $@
