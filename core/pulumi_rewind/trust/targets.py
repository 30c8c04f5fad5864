"""What a preview of a target would make the engine or its providers do that live doesn't. Pure.

A preview changes nothing, but it already downloads plugins, hands providers their credentials, runs the pickles of
dynamic providers and fetches remote assets, all as the target says. Whoever can write the target decides it, so that
what live doesn't do already is told before anything is started.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from pulumi_rewind.errors import RefusedError
from pulumi_rewind.state.model import Checkpoint, Resource, SecretsProvider
from pulumi_rewind.state.values import Json
from pulumi_rewind.trust.effects import (
    CODE,
    CONFIG,
    NAMED,
    PACKAGE,
    PARAMETERS,
    PLUGIN_URL,
    PROGRAM,
    REFERENCE,
    REMOTE,
    SECRETS,
    SETTING,
    SNIPPET,
    VARIABLES,
    VERSION,
    Effect,
    acting_resources,
    config_text,
    content_effects,
    digest_of,
    names_a_place,
    state_effects,
)

WORDS: Final[Mapping[str, str]] = {
    PLUGIN_URL: "a plugin from another location",
    PACKAGE: "a package that the live stack does not use",
    VERSION: "a version that isn't installed here",
    PARAMETERS: "another parameterization of a package",
    VARIABLES: "variables of your environment under another name",
    SETTING: "another setting of a provider",
    CONFIG: "another setting in the configuration",
    CODE: "other code of a dynamic provider",
    REMOTE: "content fetched from another location",
    REFERENCE: "outputs of a stack of another organization",
    SNIPPET: "another snippet in the state",
    SECRETS: "another secrets provider",
    PROGRAM: "a program of a commit that HEAD doesn't contain",
}
"""What each code of a finding means."""

ALWAYS: Final = frozenset({PLUGIN_URL})
"""What requires a confirmation even where only the operator can have written the target."""

NEVER: Final = frozenset({VERSION})
"""What is only shown: another version from the package's own place."""


@dataclass(frozen=True)
class Finding:
    """One thing that a target does and live doesn't. Holds no secret."""

    code: str
    what: str
    """Which package, setting or resource."""
    live: str
    """What live has there, as shown; empty where it has nothing."""
    target: str
    """What the target has there, as shown."""
    key: str = field(repr=False)
    """A digest of what exactly the target does."""

    @property
    def text(self) -> str:
        """One line for a list."""
        where = f" ({self.what})" if self.what else ""
        return f"{WORDS[self.code]}{where}: {self.target}; {f'live: {self.live}' if self.live else 'not in live'}"

    def digest(self, stack: str) -> str:
        """The key under which a confirmation is remembered, for one stack."""
        return hashlib.sha256(f"{stack}\0{self.code}\0{self.key}".encode()).hexdigest()

    def needs_confirmation(self, *, own: bool) -> bool:
        """Whether nothing may be started before the operator has agreed; `own`: nobody else can have written it."""
        return self.code in ALWAYS or not (own or self.code in NEVER)


class UntrustedTarget(RefusedError):
    """A preview of the target would do what the live stack doesn't, and the operator has not agreed to it."""

    def __init__(self, label: str, findings: tuple[Finding, ...], reason: str = "") -> None:
        lines = "\n".join(f"- {finding.text}" for finding in findings)
        why = f", and others may have written it: {reason}" if reason else ""
        super().__init__(
            f"{label} would make the engine use what the live stack does not use{why}\n{lines}",
            hint="Check whether you expect this: `pulumi-rewind show` and `diff` show the target without starting "
            "any of it. `--trust-target` trusts everything listed, and remembers it. Nothing was started or changed.",
        )
        self.label = label
        """What the target is called."""
        self.findings = findings
        """What requires a confirmation."""
        self.reason = reason
        """Why the target may be somebody else's; empty where nobody else can have written it."""


def findings(
    target: Checkpoint,
    known: Iterable[Checkpoint],
    installed: Callable[[str, str], bool],
    *,
    chosen: frozenset[str] | None = None,
    whole: bool = False,
) -> Iterator[Finding]:
    """What `target` does and none of the `known` checkpoints does; all decrypted.

    `installed` gets name and version of a plugin and says whether it is on this machine. `chosen` are the URNs that a
    selection registers, None for all. `whole`: the target becomes the state, with everything that replays leave out.

    Raises:
        CheckpointError: properties are damaged.
    """
    sides = tuple(known)
    before = [one for side in sides for one in state_effects(side, whole=True)]
    there = {one.identity for one in before}
    packages = {one.subject for one in before if one.code == PACKAGE}
    new = [one for one in state_effects(target, whole=whole, chosen=chosen) if one.identity not in there]
    acting = acting_resources(target, whole, chosen)
    changed = [res for res in acting if not any(_same(res, side.by_urn.get(res.urn)) for side in sides)]
    contents = [one for res in changed for one in content_effects(res, whole=whole)]
    if contents:
        old = [one for side in sides for res in side.resources for one in content_effects(res, whole=True)]
        there |= {one.identity for one in old}
        before += old
        new += [one for one in contents if one.identity not in there]
    for fact in _merged(new):
        if fact.code == VERSION and (fact.subject not in packages or installed(fact.subject, fact.version)):
            continue  # a package that is new has a finding of its own
        shown = dict.fromkeys(one.shown for one in before if (one.code, one.subject) == (fact.code, fact.subject))
        yield _finding(fact, ", ".join(list(shown)[:NAMED]) if fact.code not in {PACKAGE, CODE, REMOTE} else "")


def _same(res: Resource, other: Resource | None) -> bool:
    return other is not None and res.inputs == other.inputs and res.outputs == other.outputs


def config_findings(values: Mapping[str, Json], today: Mapping[str, Json]) -> Iterator[Finding]:
    """The settings of a recorded configuration that name another place than today's; keys as ``package:key``."""
    for key, value in sorted(values.items()):
        name = key.partition(":")[2]
        if value is not None and value != today.get(key) and names_a_place(name, value):
            shown = config_text(today[key]) if today.get(key) is not None else ""
            yield _finding(Effect(CONFIG, key, digest_of(value), config_text(value), (key,)), shown)


def secrets_finding(target: Checkpoint, live: Checkpoint) -> Finding | None:
    """Another key service that would be asked to decrypt the target; None where live's own is, or none at all."""
    theirs, ours = (_key_service(one.deployment.secrets_providers) for one in (target, live))
    if not theirs or theirs == ours:
        return None
    return _finding(Effect(SECRETS, "", theirs, theirs), ours)


def program_finding(commit: str, head: str) -> Finding:
    """The program of a commit that isn't part of what is checked out."""
    return _finding(Effect(PROGRAM, "", commit, f"commit {commit[:12]}"), f"HEAD {head[:12]}" if head else "")


def _key_service(provider: SecretsProvider | None) -> str:
    """What a secrets provider talks to; empty for passphrases, which are tried in this process."""
    if provider is None or provider.type in {"", "passphrase"}:
        return ""
    try:
        state = msgspec.json.decode(provider.state)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        state = None
    state = state if isinstance(state, dict) else {}
    parts = [str(state[key]) for key in ("url", "owner", "project", "stack") if state.get(key)]
    return " ".join((provider.type, *parts))


def _merged(facts: Iterable[Effect]) -> Iterator[Effect]:
    """Each thing once, with the names of all resources that do it."""
    found: dict[tuple[str, str, str], Effect] = {}
    for fact in facts:
        known = found.get(fact.identity)
        names = tuple(dict.fromkeys((*known.names, *fact.names))) if known else fact.names
        found[fact.identity] = replace(known or fact, names=names)
    return iter(found.values())


def _finding(fact: Effect, live: str) -> Finding:
    shown = ", ".join(fact.names[:NAMED]) + (f" and {len(fact.names) - NAMED} more" if len(fact.names) > NAMED else "")
    return Finding(fact.code, shown, live, fact.shown, f"{fact.subject}\0{fact.value}")
