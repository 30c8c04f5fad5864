"""A passphrase that changes, as an operator changes it."""

from __future__ import annotations

from tests.support.stack import EngineStack


def rotate(stack: EngineStack, passphrase: str) -> None:
    """Gives the stack another passphrase; the old one is left in OLD_PASSPHRASE."""
    stack.pulumi("stack", "change-secrets-provider", "passphrase", "-s", stack.name, stdin=f"{passphrase}\n" * 2)
    stack.extra_environ["OLD_PASSPHRASE"] = stack.passphrase
    stack.passphrase = passphrase
