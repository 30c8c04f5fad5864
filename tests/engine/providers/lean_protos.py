"""Imported for its effect, before the protocol messages: a provider starts in half the time without the SDK."""

from pulumi_rewind.replay.protos import load_protos

load_protos()
