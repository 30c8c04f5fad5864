"""What every demo project has, whatever it is made of."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Final

PROJECT: Final = "shop"
STACK: Final = "dev"
GOOD: Final = "v1.2"
"""The last release that works."""

_IGNORED: Final = ("/pulumi-home/", "/state/", "/.rewind-demo.json", "/env.sh", "/passphrase")


def project_file(runtime: str, where: str, backend_url: str) -> str:
    """``Pulumi.yaml``; `runtime` is YAML, `where` says where everything is that the demo makes."""
    return (
        f"name: {PROJECT}\n"
        f"description: A demo of pulumi-rewind; everything it makes is {where}\n"
        f"runtime:{runtime}\n"
        f"backend:\n  url: {json.dumps(backend_url)}\n"
    )


def stack_config(values: Mapping[str, str]) -> str:
    """``Pulumi.dev.yaml`` without its secret, which the pulumi CLI adds."""
    return "config:\n" + "".join(f"  {key}: {json.dumps(value)}\n" for key, value in values.items())


def virtualenv() -> str:
    """The virtual environment that we run in, empty if there is none: Python programs and providers run there too."""
    return sys.prefix if sys.prefix != sys.base_prefix else ""


def own_programs() -> Sequence[str]:
    """Where `pulumi-rewind` is, in case PATH doesn't have it."""
    return (f"{virtualenv()}/bin",) if virtualenv() else ()


def ignored(more: Sequence[str]) -> str:
    """``.gitignore``."""
    return "".join(f"{line}\n" for line in sorted([*more, *_IGNORED]))


def environment_script(variables: Mapping[str, str], unset: Sequence[str], path: Sequence[str]) -> str:
    """``env.sh``, which a shell reads to use the demo by hand."""
    lines = ["# Read this into your shell:  . ./env.sh", "# Then pulumi and pulumi-rewind work in this directory.", ""]
    lines += [f"unset {name}" for name in unset]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    lines.append(f'export PATH={":".join(map(shlex.quote, path))}:"$PATH"')
    return "\n".join(lines) + "\n"
