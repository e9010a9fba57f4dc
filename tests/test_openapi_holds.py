"""What the OpenAPI schema of the demo says, the running demo does, and nothing beyond."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.serving import ROOT, newcomer, seed, serve


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of the running demo, in no hurry to throttle and quick to sign in."""
    environment = newcomer(
        tmp_path_factory.mktemp("demo"),
        DJANGO_SETTINGS_MODULE="tests.demo_settings",
        THROTTLES="off",
    )
    seed(environment)
    with serve(environment) as address:
        yield address


@pytest.mark.proves("P7", "A7", "T2", "T3")
def test_no_request_gets_a_500_or_an_answer_that_the_schema_does_not_name(site, tmp_path):
    program = "from schemathesis.cli import schemathesis; schemathesis()"
    config = str(ROOT / "tests" / "schemathesis.toml")
    command = [sys.executable, "-c", program, "--config-file", config, "run"]
    # The server of the demo sends its answers in two parts, and the second of a connection kept
    # open waits for the acknowledgement of the first.
    command += [f"{site}/api/schema/", "--no-color", "--header", "Connection: close"]
    variables = {
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "tests.schemathesis_hooks",
        "DEMO_SITE": site,
    }
    # What schemathesis leaves behind, it leaves where nobody looks.
    run = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, **variables},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert run.returncode == 0, run.stdout
