"""Pulumi Cloud over HTTP, without the engine: stacks, history by page, who changes a stack."""

from __future__ import annotations

import pytest

from pulumi_rewind.backends.cloud_history import PAGE
from pulumi_rewind.errors import BackendError, RefusedError, StackNotFound
from pulumi_rewind.guard.state_editing import _referred
from pulumi_rewind.state.model import StackRef
from tests.backends.seeded_service import DEV, add, opened
from tests.servers.cloud.faults import Fault
from tests.servers.cloud.service import Service

pytestmark = pytest.mark.cloud


def test_a_stack_is_found_by_each_of_its_names(served: tuple[str, Service]) -> None:
    url, service = served
    add(service)
    add(service, StackRef("shop", "dev", "tester"))
    add(service, StackRef("other", "dev", "acme"))
    backend = opened(url)
    assert backend.find("dev", "shop") == DEV  # of the default organization
    assert backend.find("tester/dev", "shop") == StackRef("shop", "dev", "tester")
    assert backend.find("acme/other/dev", "shop").fqn == "acme/other/dev"
    assert [str(one) for one in backend.stacks()] == ["acme/other/dev", "acme/shop/dev", "tester/shop/dev"]
    with pytest.raises(StackNotFound) as raised:
        backend.find("prod", "shop")
    assert "tester/shop/dev" in raised.value.hint


def test_an_organization_that_is_not_ours(served: tuple[str, Service]) -> None:
    url, service = served
    add(service)
    with pytest.raises(BackendError, match="strangers is no organization of yours") as raised:
        opened(url).find("strangers/shop/dev", "shop")
    assert url in str(raised.value)
    assert "acme" in raised.value.hint
    assert raised.value.exit_code == 1


def test_what_the_service_keeps_of_a_stack(served: tuple[str, Service]) -> None:
    url, service = served
    stack = add(service)
    stack.tags = {"pulumi:runtime": "python", "cost": "42"}
    stack.config = {"environment": "shop/dev", "encryptionSalt": ""}
    about = opened(url).about(DEV)
    assert dict(about.tags) == {"cost": "42", "pulumi:runtime": "python"}
    assert dict(about.config) == {"environment": "shop/dev"}


@pytest.mark.parametrize(
    ("url", "console", "page"),
    [
        ("https://api.pulumi.com", "", "https://app.pulumi.com/acme/shop/dev"),
        ("https://api.corp.example:8443/", "", "https://app.corp.example:8443/acme/shop/dev"),
        ("http://localhost:8080", "localhost:3000", "http://localhost:3000/acme/shop/dev"),
        ("https://api.pulumi.com", "pages.example", "https://pages.example/acme/shop/dev"),
        ("https://pulumi.corp.example", "", ""),
    ],
)
def test_the_page_of_a_stack_and_of_an_update(url: str, console: str, page: str) -> None:
    backend = opened(url, PULUMI_CONSOLE_DOMAIN=console)
    assert backend.link(DEV) == page
    assert backend.link(DEV, 7) == (f"{page}/updates/7" if page else "")


def pages(service: Service) -> list[str]:
    return [request for request in service.requests if request.endswith("/updates")]


def test_the_newest_page_is_one_question(served: tuple[str, Service]) -> None:
    url, service = served
    add(service, updates=3 * PAGE)
    history = opened(url).history(DEV)
    assert len(history) == 3 * PAGE
    assert [update.number for update in history.newest(PAGE)] == list(range(3 * PAGE, 2 * PAGE, -1))
    assert len(pages(service)) == 1
    assert history.update(1).message == "update 1"
    assert len(pages(service)) == 2


def test_a_long_way_is_read_some_pages_at_a_time(served: tuple[str, Service]) -> None:
    url, service = served
    add(service, updates=20 * PAGE + 7)
    history = opened(url).history(DEV)
    assert [update.number for update in history.newest(10_000)] == list(range(20 * PAGE + 7, 0, -1))
    assert len(pages(service)) == 21  # each once
    again = opened(url).history(DEV)
    assert [update.number for update in again.newest(70, before=500)] == list(range(499, 429, -1))


def test_pages_that_move_while_they_are_read(served: tuple[str, Service]) -> None:
    url, service = served
    stack = add(service, updates=4 * PAGE)
    history = opened(url).history(DEV)
    stack.seed(PAGE + 5)
    assert len(history) == 4 * PAGE
    read = list(history.newest(10_000))
    assert [update.number for update in read] == list(range(4 * PAGE, 0, -1))
    assert [update.message for update in read] == [f"update {number}" for number in range(4 * PAGE, 0, -1)]


def test_what_runs_is_no_part_of_the_history(served: tuple[str, Service]) -> None:
    url, service = served
    stack = add(service, updates=PAGE)
    stack.begin()
    history = opened(url).history(DEV)
    assert len(history) == PAGE
    assert history.update(1).message == "update 1"
    assert all(update.result == "succeeded" for update in history.newest(PAGE))


def test_versions_that_the_service_has_forgotten_are_said_to_be(served: tuple[str, Service]) -> None:
    url, service = served
    stack = add(service, updates=2 * PAGE)
    del stack.history[10:90]
    history = opened(url).history(DEV)
    assert history.update(50).result == "unreadable"
    assert "no record of version 50" in history.update(50).problem
    assert history.update(5).message == "update 5"


def test_who_asked_for_an_update_and_its_commit(served: tuple[str, Service]) -> None:
    url, service = served
    stack = add(service)
    stack.users[2] = "Ada"
    stack.commits[2] = "https://github.com/acme/shop/commit/1"
    two, three = (opened(url).history(DEV).update(number) for number in (2, 3))
    assert (two.requested_by, two.commit_url) == ("Ada", "https://github.com/acme/shop/commit/1")
    assert (three.requested_by, three.commit_url) == ("Tester", "")


def test_a_version_without_a_state(served: tuple[str, Service]) -> None:
    url, service = served
    add(service)
    history = opened(url).history(DEV)
    assert history.checkpoint(2).resources == ()
    history = opened(url).history(DEV)  # which has read nothing
    service.faults.append(Fault("status", "/export/2", status=404))
    with pytest.raises(BackendError, match="the checkpoint of #2 does not exist"):
        history.checkpoint(2)


def test_the_operation_that_runs_is_the_lock(served: tuple[str, Service]) -> None:
    url, service = served
    stack = add(service)
    backend = opened(url)
    before = backend.glance(DEV)
    assert not before.locks
    stack.begin("destroy").started = 1_800_000_000.0
    [lock] = backend.locks(DEV)
    assert str(lock) == "tester (destroy) since 2027-01-15T08:00:00+00:00"
    assert "pulumi cancel" in lock.advice
    assert backend.glance(DEV).locks == (lock,)
    assert stack.running is not None
    stack.running.started = 1_800_000_000_000_000.0  # in another unit, as a service of somebody's own may have it
    [lock] = backend.locks(DEV)
    assert str(lock) == "tester (destroy)"


def test_a_service_that_names_the_active_update_alone(served: tuple[str, Service]) -> None:
    url, service = served
    service.tells_operation = False
    stack = add(service)
    update = stack.begin("refresh")
    service.updates[update.number] = update
    backend = opened(url)
    [lock] = backend.locks(DEV)
    assert str(lock) == "someone (operation)"
    update.status = "succeeded"  # the service goes on naming it
    assert not backend.locks(DEV)
    service.requests.clear()
    assert not backend.locks(DEV)
    assert len(service.requests) == 1  # what has ended isn't asked for again


@pytest.mark.parametrize(
    ("own", "name", "there", "asked"),
    [
        (DEV, "prod", "shop/prod", "acme/shop/prod"),
        (DEV, "tester/prod", "tester/prod", "tester/shop/prod"),
        (StackRef("shop", "dev"), "prod", "shop/prod", "shop/prod"),
        (StackRef("shop", "dev"), "base/prod", "base/prod", "base/prod"),
        (StackRef("shop", "dev"), "organization/base/prod", "base/prod", "base/prod"),
        (StackRef("", "dev"), "prod", "shop/prod", "prod"),
    ],
)
def test_a_stack_that_a_program_refers_to(own: StackRef, name: str, there: str, asked: str) -> None:
    assert [str(one) for one in _referred(own, "shop", name)] == [there, asked]


def test_a_reference_with_its_organization_has_no_place_in_a_backend_of_our_own() -> None:
    with pytest.raises(RefusedError, match="acme/base/prod") as raised:
        _referred(DEV, "shop", "acme/base/prod")
    assert "--strategy state" in raised.value.hint
