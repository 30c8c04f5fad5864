"""Writes our own objects into buckets and containers, two writers at a time as well.

AWS, Google Cloud, Azure, MinIO and others replace an object only if it still has the ETag that was read. Some servers
take no notice of such a condition; this is found out before the first write, and then claims decide instead: an object
beside the one that is written, of which no other writer may see another one, as the CLI itself makes its locks.
"""

from __future__ import annotations

import contextlib
import random
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from pulumi_rewind.backends.interruptible import aside
from pulumi_rewind.backends.store_errors import is_unknown_there, store_error
from pulumi_rewind.backends.store_url import StoreUrl
from pulumi_rewind.errors import BackendError, RewindError
from pulumi_rewind.system.untrusted import DOCUMENT

if TYPE_CHECKING:
    from obstore.store import ObjectStore

    from pulumi_rewind.backends.storage import Change

PATIENCE: Final = 20.0
"""Seconds that we wait for another writer's claim to go."""

LEFT: Final = timedelta(minutes=2)
"""A claim that is so much older than another one was left by a killed process: claims stand for a second."""


class ObjectWriter:
    """See `Storage.swap`, `write` and `remove`."""

    def __init__(self, store: ObjectStore, url: StoreUrl, where: Callable[[str], str]) -> None:
        self._store = store
        self._url = url
        self._where = where
        self._conditions: bool | None = None
        """Whether the store knows conditions; None: not asked yet."""

    def swap(self, key: str, change: Change) -> bool:
        """Two requests, and five more before the first; raises BackendError where the store doesn't let us write."""
        with self._told(key):
            if self._conditions is None:
                self._conditions = self._knows_conditions(key)
            if self._conditions:
                return self._replace(key, change)
            with self._claimed(key):
                return self._replace(key, change)

    def write(self, key: str, content: bytes) -> None:
        """In any case."""
        import obstore

        with self._told(key):
            aside(lambda: obstore.put(self._store, key, content, use_multipart=False))

    def remove(self, key: str) -> None:
        """In any case."""
        import obstore

        with self._told(key), contextlib.suppress(FileNotFoundError):
            aside(lambda: obstore.delete(self._store, key))

    # -- inside -------------------------------------------------------------------------------------------------

    def _replace(self, key: str, change: Change) -> bool:
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        mode: Any = "create"
        try:
            found = aside(lambda: obstore.get(self._store, key))
        except FileNotFoundError:
            old = None
        else:
            if found.meta["size"] > DOCUMENT:
                raise BackendError(
                    f"{self._where(key)} has more than {DOCUMENT >> 10:,} KiB", hint="Remove it: it is none of ours."
                )
            old = bytes(aside(found.bytes))
            mode = {name: value for name in ("e_tag", "version") if (value := found.meta[name]) is not None}
        new = change(old)
        if not self._conditions:
            mode = "overwrite"
        try:
            aside(lambda: obstore.put(self._store, key, new, mode=mode, use_multipart=False))
        except (AlreadyExistsError, PreconditionError, FileNotFoundError):
            return False
        return True

    def _knows_conditions(self, key: str) -> bool:
        """Makes an object, and tries to make it again and to replace another version of it."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, NotSupportedError, PreconditionError

        probe = f"{key.rpartition('/')[0]}/.probe-{secrets.token_hex(8)}"

        def refused(mode: Any, refusals: tuple[type[Exception], ...]) -> bool:
            try:
                aside(lambda: obstore.put(self._store, probe, b"probe", mode=mode, use_multipart=False))
            except refusals:
                return True
            return False

        try:
            refused("create", ())
            stale = {"e_tag": '"0"', "version": "1"}
            return refused("create", (AlreadyExistsError, PreconditionError)) and refused(stale, (PreconditionError,))
        except Exception as err:
            if isinstance(err, NotSupportedError | NotImplementedError) or is_unknown_there(err):
                return False
            raise
        finally:
            with contextlib.suppress(Exception):
                aside(lambda: obstore.delete(self._store, probe))

    @contextlib.contextmanager
    def _claimed(self, key: str) -> Iterator[None]:
        """While nobody else's claim stands; whoever sees another one takes back its own, and tries again later."""
        import obstore

        end = time.monotonic() + PATIENCE
        while True:
            own = f"{key}.claims/{secrets.token_hex(8)}"
            self.write(own, b"claim")
            try:
                found = aside(lambda: obstore.list_with_delimiter(self._store, f"{key}.claims"))["objects"]
                times = {one["path"].rpartition("/")[2]: one["last_modified"] for one in found}
                mine = times.pop(own.rpartition("/")[2], None)
                others = [name for name, at in times.items() if mine is None or mine - at < LEFT]
                if mine is not None and not others:
                    yield
                    return
            finally:
                self.remove(own)
            if time.monotonic() > end:
                raise BackendError(
                    f"{self._where(key)} can't be written: somebody else has been writing it for {PATIENCE:.0f} s",
                    hint="Try again in two minutes.",
                )
            time.sleep(random.uniform(0.02, 0.5))  # noqa: S311 - so that two don't meet again

    @contextlib.contextmanager
    def _told(self, key: str) -> Iterator[None]:
        try:
            yield
        except RewindError:
            raise
        except Exception as err:  # noqa: BLE001 - obstore's errors have no root but Exception
            raise store_error(err, url=self._url.shown, place=self._url.place, what=key, writing=True) from None
