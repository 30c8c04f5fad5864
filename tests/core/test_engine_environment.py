"""What of the operator's environment the engine gets, and that what is on this machine is reached without a proxy."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pulumi_rewind.engine.environment import LOOPBACK, debug_variables, engine_environ, loopback_direct

CODE = Path(__file__).resolve().parents[2]
HERE = ",".join(LOOPBACK)
PROXY = "http://proxy.example.test:3128"


@pytest.mark.parametrize(
    "name", ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "grpc_proxy"]
)
def test_behind_any_proxy_loopback_is_reached_directly(name: str) -> None:
    found = engine_environ({name: PROXY, "A": "b"})
    assert found == {name: PROXY, "A": "b", "no_proxy": HERE, "NO_PROXY": HERE}


def test_exceptions_of_the_operator_stay() -> None:
    one = loopback_direct({"http_proxy": PROXY, "NO_PROXY": "corp.test, 127.0.0.1"})
    assert one == {"no_proxy": "corp.test,127.0.0.1,localhost,::1", "NO_PROXY": "corp.test,127.0.0.1,localhost,::1"}
    both = loopback_direct({"http_proxy": PROXY, "NO_PROXY": "a.test", "no_proxy": "b.test", "no_grpc_proxy": "c.test"})
    assert both == {
        "no_proxy": f"b.test,{HERE}",
        "NO_PROXY": f"a.test,{HERE}",
        "no_grpc_proxy": f"c.test,{HERE}",
    }
    # Of gRPC's cores, `*` exempts nothing.
    every = loopback_direct({"http_proxy": PROXY, "no_proxy": "*"})
    assert every == {"no_proxy": "*", "NO_PROXY": "*", "no_grpc_proxy": HERE}


def test_without_a_proxy_nothing_is_added() -> None:
    assert engine_environ({"A": "b", "NO_PROXY": "a.test", "http_proxy": ""}) == {
        "A": "b",
        "NO_PROXY": "a.test",
        "http_proxy": "",
    }


def test_flags_and_what_makes_secrets_visible_are_left_out() -> None:
    given = {
        "PULUMI_OPTION_SHOW_SECRETS": "true",
        "PULUMI_OPTION_TARGET": "x",
        "PULUMI_DEBUG_GRPC": "/tmp/log.json",
        "TF_LOG": "TRACE",
        "TF_LOG_PATH": "/tmp/log",
        "PULUMI_PYTHON_CMD": "python3",
    }
    assert engine_environ(given) == {"PULUMI_PYTHON_CMD": "python3"}
    assert list(debug_variables(given)) == ["PULUMI_DEBUG_GRPC", "TF_LOG", "TF_LOG_PATH"]
    assert list(debug_variables({"TF_LOG": ""})) == []


def test_every_channel_of_ours_goes_around_proxies() -> None:
    from pulumi_rewind.replay.host import DIRECT

    assert ("grpc.enable_http_proxy", 0) in DIRECT
    found = [
        (path.name, [ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg == "options"])
        for folder in ("core", "tui")
        for path in sorted((CODE / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("insecure_channel", "secure_channel"))
    ]
    assert found == [("host.py", ["DIRECT"])]
