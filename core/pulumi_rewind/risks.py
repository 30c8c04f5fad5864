"""What can go wrong with a plan, said before anything is done. Pure."""

from __future__ import annotations

import fnmatch
import shlex
from collections.abc import Iterable, Mapping, Sequence

from pulumi_rewind.goal import Goal
from pulumi_rewind.identity import rehomed
from pulumi_rewind.locks import Lock
from pulumi_rewind.model import Checkpoint, PendingOperation, Resource, urn_name
from pulumi_rewind.plan import Risk, Step
from pulumi_rewind.replay import ReplayReport

STATEFUL_TYPES = (
    "*:rds/*", "*:dynamodb/table:*", "*:s3/bucket:*", "*:s3/bucketV2:*", "*:s3/bucketObject*", "*:efs/fileSystem:*",
    "*:ebs/volume:*", "*:elasticache/*", "*:docdb/*", "*:neptune/*", "*:redshift/*", "*:kinesis/stream:*",
    "*:sqs/queue:*", "*:opensearch/domain:*", "*:elasticsearch/domain:*", "*:kms/key:*", "*:secretsmanager/secret:*",
    "*:ssm/parameter:*", "*:ecr/repository:*", "*:cognito/userPool:*", "*:backup/vault:*", "*:fsx/*",
    "gcp:sql/*", "gcp:storage/bucket:*", "gcp:bigquery/*", "gcp:bigtable/*", "gcp:spanner/*", "gcp:firestore/*",
    "gcp:compute/disk:*", "gcp:redis/*", "gcp:filestore/*", "gcp:kms/*", "gcp:secretmanager/*",
    "azure*:storage*:*", "azure*:sql*:*", "azure*:cosmosdb*:*", "azure*:documentdb*:*", "azure*:keyvault*:*",
    "azure*:dbfor*:*", "azure*:compute*:*Disk*", "azure*:cache*:*",
    "kubernetes:core/v1:PersistentVolume*", "kubernetes:core/v1:Secret", "kubernetes:apps/v1:StatefulSet",
    "random:*", "tls:index/privateKey:*", "postgresql:*:Database", "postgresql:*:Schema", "mysql:*:Database",
    "mongodbatlas:*:*Cluster", "*:*:*Database", "*:*/database:*", "*:*:*DatabaseInstance", "*:*:*DatabaseCluster",
    "*:*:*Volume", "*:*/volume:*", "*:*:*Bucket", "*:*/bucket:*", "*:*:*Table",
)  # fmt: skip
"""Types that hold data which re-creating does not bring back; `rewind.toml` can add to them."""


def is_stateful(type_: str, extra: Sequence[str] = ()) -> bool:
    """Whether a resource type is known to hold data."""
    return any(fnmatch.fnmatchcase(type_, pattern) for pattern in (*STATEFUL_TYPES, *extra))


def step_risks(
    step: Step, goal: Goal, live: Checkpoint, report: ReplayReport, stateful: Sequence[str]
) -> tuple[Risk, ...]:
    """The risks of one step."""
    found: list[Risk] = []
    old = live.by_urn.get(step.urn)
    goal_urns = {rehomed(item.urn, goal.stack, goal.project): item.urn for item in goal.registrations}
    goal_urn = goal_urns.get(step.urn, "")
    if is_stateful(step.type, stateful) and step.op in {"delete", "replace", "create"} and step.forecast != "kept":
        found.append(_data_risk(step))
    if step.op in {"delete", "replace", "discard"} and old is not None and old.protect:
        found.append(Risk("protected", _protected(step, goal.stack), blocking=True, urn=step.urn))
    twin = _twin(step, goal, live)
    if twin is not None:
        message = (
            f"and {twin.name} are two entries of one object ({twin.id}), which would be gone for both. Take this entry "
            f"out of the state alone (`pulumi state delete '{step.urn}'`) and plan again, or leave it with "
            f"`--only '!{step.name}'`"
        )
        found.append(Risk("shared-object", message, blocking=True, urn=step.urn))
    lost = report.opaque.get(goal_urn, set())
    changed = sorted(urn_name(urn) for urn in lost)
    if changed:
        message = (
            f"depends on {', '.join(changed)}, which gets a new id, and no occurrence of the old one was found to "
            "relink: a value derived from it may be stale"
        )
        found.append(Risk("opaque-dependency", message, urn=step.urn))
    if step.delete_first:
        found.append(Risk("delete-first", "is deleted before its replacement is made", urn=step.urn))
    return tuple(found)


def _twin(step: Step, goal: Goal, live: Checkpoint) -> Resource | None:
    """Another entry of live for the object that a step deletes, if that entry stays.

    State migrations can make two entries of one. An id alone says little, as every password of one provider has the id
    ``none``: the moment of creation tells those apart. An entry without one, beside one that has it, was made by hand.
    """
    old = live.by_urn.get(step.urn)
    if step.op not in {"delete", "replace"} or step.forecast == "kept" or old is None:
        return None
    if old.external or not old.custom or not old.id or old.is_provider:
        return None
    kept = set(goal.pairs.values()) - {old.urn}
    for res in live.resources:
        same = (res.type, res.id, res.provider) == (old.type, old.id, old.provider)
        moments = {res.created, old.created}
        if same and len(moments - {None}) == 1 and res.urn in kept and not (res.delete or res.external):
            return res
    return None


def _protected(step: Step, stack: str) -> str:
    verb = {"replace": "replace", "delete": "delete"}.get(step.op, "give up")
    return (
        f"is protected, so the engine refuses to {verb} it. If it may really go: `pulumi state unprotect '{step.urn}' "
        f"-s {stack}`; else leave it as it is with `--only {shlex.quote(f'!{step.name}')}`"
    )


def _data_risk(step: Step) -> Risk:
    if step.op == "create":
        message = "held data when it was recorded; it is re-created empty"
        return Risk("data-not-restored", message, urn=step.urn)
    word = "replaced" if step.op == "replace" else "deleted"
    return Risk("data-loss", f"holds data, which is lost when it is {word}", loses_data=True, urn=step.urn)


def stack_risks(
    *,
    live: Checkpoint,
    locks: Sequence[Lock],
    live_known: bool,
    target_config: Mapping[str, object] | None,
    live_config: Mapping[str, object] | None,
    refreshed: bool,
) -> Iterable[Risk]:
    """The risks of the plan as a whole."""
    for lock in locks:
        yield Risk("locked", f"the stack is locked by {lock}: {lock.advice}", blocking=True)
    for pending in live.pending_operations:
        yield pending_risk(pending, locked=bool(locks))
    for res in live.resources:
        if res.delete:
            message = "has an old copy that still waits for its deletion; the engine deletes that in this run"
            holds = is_stateful(res.type) and not res.retain_on_delete
            yield Risk("leftover", message + (", and its data" if holds else ""), loses_data=holds, urn=res.urn)
    if not live_known:
        yield Risk("edited-outside", "the live state differs from the newest update: it was changed outside updates")
    if target_config is not None and live_config is not None:
        changed = sorted(
            key
            for key in target_config.keys() | live_config.keys()
            if _plain(target_config.get(key)) != _plain(live_config.get(key))
        )
        if changed:
            names = ", ".join(changed)
            yield Risk("config-differs", f"today's configuration is used; it differs from the target's in: {names}")
    if not refreshed:
        yield Risk("not-refreshed", "the state was not compared with the real resources (`--refresh` does)")


def pending_risk(pending: PendingOperation, *, locked: bool = False) -> Risk:
    """What a killed update left open, and what to do about it."""
    urn = pending.resource.urn
    if locked:  # which blocks the plan by itself
        message = f"is in the hands of who holds the lock: {pending.type} it, or killed while doing so"
        return Risk("pending-operation", message, urn=urn)
    if pending.type == "creating":
        # The engine would create it a second time and carry the old operation along for ever.
        return Risk(
            "pending-create",
            "may have been created by a killed update, and the state doesn't know it. Look for it; then adopt it with "
            f"`pulumi-rewind resolve --adopt '{urn}=ID'`, or, if it isn't there or you removed it, forget it with "
            f"`pulumi-rewind resolve --clear '{urn}'`",
            blocking=True,
            urn=urn,
        )
    message = f"was left open by a killed update, which was {pending.type} it; whether that finished is unknown"
    return Risk("pending-operation", message, urn=urn)


def _plain(value: object) -> object:
    """A configuration value for comparing; encrypted ones compare as equal, they are re-encrypted at will."""
    if isinstance(value, dict) and set(value) == {"secure"}:
        return "[secret]"
    return value


def protected_in_the_way(goal: Goal, live: Checkpoint) -> tuple[Resource, ...]:
    """Protected live resources that the goal lacks."""
    kept = set(goal.pairs.values())
    return tuple(res for res in live.resources if res.protect and not res.delete and res.urn not in kept)
