"""What the service has encrypted, opened without the pulumi CLI."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pulumi_rewind.engine.private_backend import environment, private_backend
from pulumi_rewind.errors import SecretsError
from pulumi_rewind.session import Session, open_session
from pulumi_rewind.state.model import StackRef
from pulumi_rewind.state.values import reveal
from tests.backends.seeded_service import add, with_secrets, write_login
from tests.servers.cloud.faults import Fault
from tests.servers.cloud.service import TOKEN, Service
from tests.servers.cloud.serving import cloud

pytestmark = pytest.mark.cloud


@pytest.fixture
def project(tmp_path: Path, served: tuple[str, Service]) -> Callable[[], Session]:
    """Opens a project on the service afresh; no pulumi CLI can be started in it."""
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: yaml\n")
    environ = {
        "PULUMI_ACCESS_TOKEN": TOKEN, "PULUMI_BACKEND_URL": served[0], "PULUMI_HOME": str(tmp_path / "home"),
        "XDG_STATE_HOME": str(tmp_path / "state"), "PATH": "/nowhere",
    }  # fmt: skip
    return lambda: open_session(tmp_path, "acme/shop/dev", environ=environ)


def decryptions(service: Service) -> list[str]:
    return [request for request in service.requests if request.endswith("batch-decrypt")]


def test_all_secrets_of_two_states_are_opened_by_two_questions_and_no_cli(
    served: tuple[str, Service], project: Callable[[], Session]
) -> None:
    url, service = served
    stack = add(service)
    with_secrets(url, stack, db="open sesame", web="same on both sides")
    with_secrets(url, stack, db="changed since", web="same on both sides")
    session = project()
    old, new = (session.timeline.checkpoint(number) for number in (4, 5))
    opened_old, opened_new = session.vault.decrypt_differing(old, new, session.stack)
    shown = [side.by_urn["urn:pulumi:dev::shop::t:i:T::db"].decoded_inputs() for side in (opened_old, opened_new)]
    assert [reveal(one["password"]) for one in shown] == ["open sesame", "changed since"]
    assert len(decryptions(service)) == 2
    assert session.vault.decrypt(new, session.stack).decrypted
    assert len(decryptions(service)) == 2  # what was opened is known
    assert b"open sesame" in session.vault.plaintext(old, session.stack)
    assert session.redactor("it says open sesame") == "it says [secret]"


def test_a_renamed_stack_opens_what_it_had_before(served: tuple[str, Service], project: Callable[[], Session]) -> None:
    url, service = served
    stack = add(service, StackRef("shop", "prod", "acme"))
    with_secrets(url, stack, db="open sesame")
    del service.stacks[stack.name]
    stack.name = ("acme", "shop", "dev")
    service.stacks[stack.name] = stack
    session = project()
    assert b"open sesame" in session.vault.plaintext(session.timeline.checkpoint(4), session.stack)
    assert [request.split("/")[5] for request in decryptions(service)] == ["prod", "dev"]


def test_secrets_that_the_service_does_not_open(served: tuple[str, Service], project: Callable[[], Session]) -> None:
    url, service = served
    with_secrets(url, add(service), db="open sesame")
    session = project()
    checkpoint = session.timeline.checkpoint(4)
    service.faults.append(Fault("status", "batch-decrypt", status=403))
    with pytest.raises(SecretsError, match=r"the secrets can't be decrypted: .*answers 403") as raised:
        session.vault.decrypt(checkpoint, session.stack)
    assert raised.value.hint
    service.faults[0] = Fault("page", "batch-decrypt")
    with pytest.raises(SecretsError, match="a web page"):
        session.vault.decrypt(checkpoint, session.stack)
    service.faults[0] = Fault("close", "batch-decrypt", times=1)  # a kept connection that was closed meanwhile
    assert session.vault.decrypt(checkpoint, session.stack).decrypted


def test_the_token_of_the_environment_is_for_our_own_service_alone(
    served: tuple[str, Service], project: Callable[[], Session]
) -> None:
    stack = add(served[1])
    with cloud() as (other, there):
        there.stacks[stack.name] = stack
        with_secrets(other.url, stack, db="open sesame")
        session = project()
        live = session.timeline.live()
        with pytest.raises(SecretsError, match="nobody is logged in"):
            session.vault.decrypt(live, session.stack)
        assert not there.requests


def test_secrets_of_the_configuration_are_masked(
    served: tuple[str, Service], project: Callable[[], Session], tmp_path: Path
) -> None:
    url, service = served
    stack = add(service)
    with_secrets(url, stack, db="open sesame")
    sealed = stack.sealed(base64.b64encode(b"of the configuration").decode())
    (tmp_path / "Pulumi.dev.yaml").write_text(f"config:\n  shop:word: {{secure: {sealed}}}\n")
    session = project()
    session.redactor.expect(session._stored_secrets, far=True)  # as an engine that is found does
    assert session.redactor("of the configuration") == "[secret]"


def test_a_backend_of_our_own_gets_the_token_of_the_environment_as_a_login(
    served: tuple[str, Service], project: Callable[[], Session], tmp_path: Path
) -> None:
    add(served[1])
    workspace = project().workspace
    write_login(tmp_path / "home", {"accounts": {served[0]: {"accessToken": "of-home", "insecure": True}}})
    with private_backend({}) as directory:
        place = Path(environment(directory, workspace)["PULUMI_CREDENTIALS_PATH"]) / "credentials.json"
        assert json.loads(place.read_text()) == {"accounts": {served[0]: {"accessToken": TOKEN, "insecure": True}}}
        assert place.stat().st_mode & 0o777 == 0o600
    assert not place.exists()
