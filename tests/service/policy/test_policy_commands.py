"""`hermetic policy`: check, explain, test, init and schema."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from hermetic.cli import main
from hermetic.policy.schema import policy_schema

ROOT = Path(__file__).parents[3]
POLICIES = ROOT / "examples/policies"


@pytest.fixture
def policy_command(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch):
    """Runs it in an empty folder: its status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        status = main(["policy", *map(str, arguments)])
        printed = capfd.readouterr()
        return status, printed.out, printed.err

    return run


def test_check_says_what_a_sound_file_has(policy_command):
    status, out, _ = policy_command("check", POLICIES / "restrictive.yaml")
    assert status == 0
    assert out.endswith("is a policy: 1 tool, 4 rules, 2 grants, default deny\n")


def test_check_looks_at_all_the_files_that_it_is_given(policy_command):
    Path("bad.yaml").write_text("version: 2\n")
    status, out, err = policy_command(
        "check", "bad.yaml", POLICIES / "run.json", POLICIES / "strict.yaml"
    )
    assert (status, len(out.splitlines())) == (2, 2)
    assert "bad.yaml" in err


def test_check_says_what_is_wrong_where(policy_command):
    Path("bad.yaml").write_text('version: "1"\ndefault: no\n')
    status, out, err = policy_command("check", "bad.yaml")
    assert (status, out) == (2, "")
    assert err.startswith("hermetic: error[policy_invalid]: bad.yaml:2: default: ")


def test_a_start_is_written_once_and_is_sound(policy_command):
    assert policy_command("init")[0] == 0
    assert policy_command("check", "policy.yaml")[0] == 0
    status, _, err = policy_command("init")
    assert status == 2
    assert "policy.yaml exists already" in err


def test_explain_shows_every_rule_and_which_one_decides(policy_command):
    status, out, _ = policy_command(
        "explain",
        POLICIES / "restrictive.yaml",
        *("--tool", "python_execute", "--grant", "ci", "--args", '{"code": "import ctypes"}'),
        *("--counter", "state.python_execute._rate_hour=60", "--now", "2026-11-21T12:30:00Z"),
    )
    assert status == 0
    assert "  stopped  tools.python_execute.rules[0] (rate): Sixty runs an hour" in out
    assert "  stopped  tools.python_execute.rules[1] (a person" in out
    assert "\ndeny, decided by tools.python_execute.rules[0] (rate)\n" in out
    assert out.endswith("Try again in 1,800 s.\n")


def test_explain_shows_what_an_allowed_call_gets_and_by_which_rule(policy_command):
    _, out, _ = policy_command(
        "explain", POLICIES / "strict.yaml", "--tool", "python_execute", "--args", '{"code": "1"}'
    )
    assert "  limit    wall_seconds: 10 s, by sandbox.profile (strict)\n" in out
    assert "  limit    packages.allow: (), by sandbox.profile (strict)\n" in out
    assert "this call adds 1, at most 10\n" in out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--args", "{"], "--args is not JSON"),
        (["--args", "[]"], "--args is not a JSON object"),
        (["--counter", "many"], "--counter 'many' is not a counter and its value"),
        (["--counter", "state.x.y=1"], "looks at no counter 'state.x.y'"),
        (["--now", "soon"], "'soon' is not a time"),
    ],
)
def test_explain_refuses_what_it_can_not_use(policy_command, options: list[str], says: str):
    status, _, err = policy_command("explain", POLICIES / "run.json", "--tool", "run", *options)
    assert status == 2
    assert says in err
    assert "Traceback" not in err


def test_test_shows_what_differs(policy_command):
    Path("cases.yaml").write_text(
        f"policy: {POLICIES / 'run.json'}\n"
        "cases:\n"
        "  - {name: runs, tool: run, expect: allow, limits: {wall_seconds: 5}}\n"
        "  - {name: stays out, tool: other, expect: deny}\n"
        "  - {name: gets in, tool: other, expect: allow}\n"
    )
    status, out, _ = policy_command("test", "cases.yaml")
    assert status == 1
    runs, differs, stays_out, gets_in, why, summary = out.splitlines()
    assert (runs, stays_out, gets_in) == ("FAILED  runs", "passed  stays out", "FAILED  gets in")
    assert differs.endswith("expected wall_seconds 5.0, got 60.0 by the limits of grant local")
    assert why.strip().startswith("expected allow, got deny: The call of 'other' was refused")
    assert summary == "3 cases, 2 failed"


def test_test_is_content_when_nothing_differs(policy_command):
    status, out, _ = policy_command("test", POLICIES / "restrictive.cases.yaml")
    assert status == 0
    assert out.endswith("6 cases, none failed\n")


def test_a_table_of_cases_that_is_none_is_refused_with_line_and_path(policy_command):
    Path("cases.yaml").write_text(
        "policy: p.yaml\ncases:\n  - {name: a, tool: run, expect: maybe}\n"
    )
    status, _, err = policy_command("test", "cases.yaml")
    assert status == 2
    assert "cases.yaml:3: cases[0].expect: " in err


def test_the_published_schema_is_the_one_that_the_command_prints(policy_command):
    _, out, _ = policy_command("schema")
    assert out == policy_schema() == (ROOT / "docs/policy.schema.json").read_text()


@pytest.mark.parametrize(
    "file", [file for file in sorted(POLICIES.iterdir()) if ".cases" not in file.name]
)
def test_the_schema_accepts_every_example(file: Path):
    jsonschema.validate(yaml.safe_load(file.read_text()), json.loads(policy_schema()))


def test_other_commands_import_neither_pydantic_nor_yaml():
    program = (
        "import sys; from hermetic.cli import main; main(['--version'])\n"
        "assert not {'pydantic', 'yaml', 're2'} & sys.modules.keys()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env=os.environ, check=False
    )
    assert done.returncode == 0, done.stderr
