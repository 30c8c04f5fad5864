"""The words for operations: people never read the engine's own names."""

from __future__ import annotations

import pytest

from pulumi_rewind.engine.events import ResourceFailed, StepMetadata
from pulumi_rewind.plan.model import _OPS, OLD_COPY
from pulumi_rewind.plan.progress import ResourceProgress
from pulumi_rewind_tui.text.run_state import doing
from pulumi_rewind_tui.words import words

URN = "urn:pulumi:dev::p::t:m:Db::db"


@pytest.mark.parametrize("op", [*_OPS, OLD_COPY, "rename", "return"])
def test_every_operation_has_words(op: str) -> None:
    assert op in words._WORDS
    for said in (words.op_to_do(op), words.op_doing(op), words.op_done(op), words.op_failed(op)):
        assert said
        assert "-" not in said


def test_a_half_of_a_replacement_fails_in_words() -> None:
    failed = ResourceProgress(URN, "t:m:Db", "replace", "failed", ResourceFailed(StepMetadata("delete-replaced", URN)))
    assert doing(failed) == "deleting the old object failed"


def test_an_operation_of_a_newer_engine_is_readable() -> None:
    assert words.op_failed("import-and-adopt") == "import and adopt failed"
