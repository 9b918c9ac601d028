"""What an allowed call gets."""

from __future__ import annotations

import pytest
from judged_calls import CI, call, judge, policy

from hermetic.errors import InvalidInput, PolicyDenied
from hermetic.grants import Grant
from hermetic.policy.allowances import effective_allowance, narrow
from hermetic.policy.decisions import Allowance
from hermetic_runtime.limits import MIB, Limits

LAYERS = """\
version: "1"
default: allow
profiles:
  mine:
    limits: {files: 700, wall_seconds: 50 s}
sandbox:
  profile: mine
  limits: {wall_seconds: 40, memory_bytes: 400 MiB}
tools:
  run:
    sandbox: {limits: {wall_seconds: 0.5 minutes}}
  "*":
    sandbox: {limits: {disk_bytes: 10 MiB}}
grants:
  "*":
    sandbox: {limits: {memory_bytes: 300 MiB}}
    tools: {run: {sandbox: {limits: {files: 600}}}}
"""


def allowance(sandbox: str, grant: Grant = CI) -> Allowance:
    rules = policy(f'version: "1"\ndefault: allow\nsandbox: {sandbox}')
    return effective_allowance(rules, "run", grant)


def test_each_limit_is_the_least_of_all_layers_and_names_the_one_that_set_it():
    found = effective_allowance(policy(LAYERS), "run", CI, Limits(open_files=100))
    limits, caps = found.limits, found.caps
    assert (limits.wall_seconds, caps["wall_seconds"]) == (30, "tools.run.sandbox")
    assert (limits.memory_bytes, caps["memory_bytes"]) == (300 * MIB, "grants.*.sandbox")
    assert (limits.files, caps["files"]) == (600, "grants.*.tools.run.sandbox")
    assert (limits.disk_bytes, caps["disk_bytes"]) == (10 * MIB, "tools.*.sandbox")
    assert (limits.open_files, caps["open_files"]) == (100, "the server's limits")
    assert caps["cpu_seconds"] == "the server's limits"


def test_a_profile_bounds_as_well_as_the_section_that_names_it():
    found = effective_allowance(policy(LAYERS), "other", CI)
    assert (found.limits.files, found.caps["files"]) == (700, "sandbox.profile (mine)")
    assert found.limits.wall_seconds == 40


def test_no_layer_widens_the_limits_of_the_grant():
    narrow_key = Grant("ab", "small", Limits(memory_bytes=64 * MIB))
    found = allowance("{limits: {memory_bytes: 1 GiB}}", narrow_key)
    assert found.limits.memory_bytes == 64 * MIB
    assert found.caps["memory_bytes"] == "the limits of grant small"


@pytest.mark.parametrize("profile", ["strict", "restrictive", "permissive"])
def test_there_are_profiles_to_start_from(profile: str):
    found = allowance(f"{{profile: {profile}}}")
    assert {
        "strict": found.limits.wall_seconds == 10 and found.packages.allow == (),
        "restrictive": found.packages.exclude_newer_seconds == 7 * 86_400,
        "permissive": found == allowance("{}"),
    }[profile]


def test_a_profile_that_is_defined_anew_replaces_the_built_in_one():
    rules = policy("""\
        version: "1"
        default: allow
        profiles: {strict: {limits: {wall_seconds: 5}}}
        sandbox: {profile: strict}
        """)
    found = effective_allowance(rules, "run", CI)
    assert found.limits.wall_seconds == 5
    assert found.packages.allow == ("*",)


def test_package_rules_of_all_layers_hold():
    rules = policy("""\
        version: "1"
        default: allow
        sandbox:
          packages: {allow: ["num*", pandas, requests], deny: [numba], exclude_newer: 1 day,
                     indexes: ["https://a.example/simple", "https://b.example/simple"]}
        tools:
          run:
            sandbox:
              packages: {allow: [NumPy, "pandas*"], deny: ["evil-*"], native_code: false,
                         exclude_newer: 7 days, indexes: ["https://b.example/simple"]}
        """)
    packages = effective_allowance(rules, "run", CI).packages
    assert set(packages.allow) == {"numpy", "pandas"}
    assert packages.deny == ("numba", "evil-*")
    assert packages.native_code is False
    assert packages.exclude_newer_seconds == 7 * 86_400
    assert packages.indexes == ("https://b.example/simple",)


def test_imports_interpreters_and_sessions_are_narrowed_too():
    rules = policy("""\
        version: "1"
        default: allow
        sandbox: {imports: {deny: [ctypes]}, interpreters: [wasi, pyodide], sessions: {most: 5}}
        tools:
          run:
            sandbox:
              imports: {allow: ["json*"]}
              interpreters: [wasi]
              sessions: {most: 9, workspace_bytes: 1 GiB, keep_seconds: 12 hours}
        """)
    found = effective_allowance(rules, "run", CI)
    assert (found.imports.allow, found.imports.deny) == (("json*",), ("ctypes",))
    assert found.interpreters == ("wasi",)
    assert (found.sessions.most, found.caps["sessions.most"]) == (5, "sandbox")
    assert (found.sessions.workspace_bytes, found.sessions.keep_seconds) == (1024 * MIB, 43_200)


def test_a_decision_that_allows_has_the_allowance():
    rules = policy('version: "1"\ndefault: allow\nsandbox: {profile: strict}')
    assert judge(rules, call()).allowance == effective_allowance(rules, "run", CI)


def test_a_request_narrows_what_is_allowed():
    found = allowance("{limits: {wall_seconds: 30}}")
    assert narrow(found, {"wall_seconds": 5}).wall_seconds == 5
    assert narrow(found, {}).wall_seconds == 30


def test_a_request_for_more_says_which_rule_capped_it():
    found = allowance("{profile: strict}")
    with pytest.raises(PolicyDenied, match=r"wall_seconds is 60, more than the 10") as refused:
        narrow(found, {"wall_seconds": 60})
    assert refused.value.rule == "sandbox.profile (strict)"


def test_a_request_can_not_take_a_limit_away():
    with pytest.raises(PolicyDenied, match="fuel is unmetered"):
        narrow(allowance("{limits: {fuel: 1000}}"), {"fuel": None})


@pytest.mark.parametrize("requested", [{"speed": 1}, {"files": -1}, {"wall_seconds": "soon"}])
def test_a_request_that_is_no_limit_is_refused(requested: dict[str, object]):
    with pytest.raises(InvalidInput):
        narrow(allowance("{}"), requested)
