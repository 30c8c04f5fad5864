"""The checks after a run that strategies share: a second preview must have nothing left to do."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator

from pulumi_rewind.engine.events import Diagnostic, EngineEvent
from pulumi_rewind.errors import InterruptedRun, RewindError
from pulumi_rewind.plan.model import Step
from pulumi_rewind.plan.verify import Difference
from pulumi_rewind.state.model import Checkpoint, SecretsProvider
from pulumi_rewind.state.values import decoded


def left_to_do(
    look: Callable[[], Iterable[Step]], what: str, differences: list[Difference]
) -> Generator[EngineEvent, None, bool]:
    """Whether anything is left to do, or nothing is known: every step of the second preview becomes a difference.

    `look` is the preview, `what` how it is called.
    """
    try:
        moving = [step for step in look() if step.op not in {"same", "read"}]
    except InterruptedRun:
        yield Diagnostic("the check by a second plan was stopped", "warning")
        return True
    except (RewindError, OSError) as err:
        differences.append(Difference("", "", f"the check by a second plan failed: {err}"))
        return True
    for step in moving:
        where = f" in {', '.join(step.keys)}" if step.keys else ""
        differences.append(Difference(step.urn, "", f"{what} would still {step.op} it{where}"))
    return bool(moving)


def same_provider(one: SecretsProvider, other: SecretsProvider) -> bool:
    """Whether two states encrypt their secrets alike."""
    kinds = [(side.type, decoded(side.state, "the secrets provider")) for side in (one, other)]
    return kinds[0] == kinds[1]


def provider_differences(before: Checkpoint, after: Checkpoint) -> Iterator[Difference]:
    """The secrets provider, where a state had one and that is another now."""
    old, new = before.deployment.secrets_providers, after.deployment.secrets_providers
    if old is not None and (new is None or not same_provider(old, new)):
        yield Difference("", "secrets_providers", "the secrets provider of the state changed")
