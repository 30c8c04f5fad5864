"""Buckets and containers as the storage of a DIY backend, read and written through obstore."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from pulumi_rewind.backends.interruptible import aside, at_once
from pulumi_rewind.backends.object_writing import ObjectWriter
from pulumi_rewind.backends.storage import Change, Item, RemoteStorage, Stored
from pulumi_rewind.backends.store_errors import store_error
from pulumi_rewind.backends.store_url import StoreUrl
from pulumi_rewind.backends.wide_listing import Page, list_wide
from pulumi_rewind.errors import BackendError
from pulumi_rewind.system.ownership import later

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

AT_ONCE: Final = 32
"""Requests in flight."""

RETRY: Final[Any] = {"max_retries": 6, "retry_timeout": timedelta(seconds=20)}
"""Some seconds for a server that refuses; one that hangs is asked a second time."""

CONNECT: Final = 5.0
"""Seconds to reach a server."""

PATIENCE: Final = 15.0
"""Seconds for a server to say something."""

WHOLE: Final = 1800.0
"""Seconds for a large object over a slow line."""

PAGE: Final = 1000
"""Objects that one listing request gives on S3 and Google Cloud Storage."""

AZURE_PAGE: Final = 5000

_NANOSECONDS: Final = 1_000_000_000


class ObjectStorage(RemoteStorage):
    """See `Storage`. Keys are below the URL's prefix, which the store itself puts before them."""

    far = True

    def __init__(self, store: ObjectStore, url: StoreUrl, credentials: str) -> None:
        self._store = store
        self._url = url
        self.shown = url.shown
        self.credentials = credentials
        """Where the credentials come from, for people; never the credentials themselves."""
        self._page_size = AZURE_PAGE if url.shown.startswith("azblob:") else PAGE
        self._writer = ObjectWriter(store, url, self.where)
        self._in_turn = False
        """Whether the server lists nothing but from the beginning."""

    def folders(self, folder: str) -> list[str]:
        """By one listing."""
        return sorted(path.rstrip("/").rsplit("/", 1)[-1] for path in self._listing(folder)["common_prefixes"])

    def items(self, folder: str, start: str = "", after: str = "") -> Iterator[Item]:
        """With size and ETag; a folder of many pages in a few round trips, see `list_wide`.

        The first page comes at once and in order, further ones when they are taken.
        """
        found: Iterable[Item]
        if not start and not after:
            found = (_item(found, folder) for found in self._listing(folder)["objects"])
        elif self._in_turn:
            found = self._stream(folder, after)
        else:
            found = list_wide(
                lambda names: self._at_once(lambda name: self._page(folder, name), names),
                lambda name: self._stream(folder, name),
                after=after,
                now=time.time_ns(),
                at_once=AT_ONCE,
            )
        # The part of a name is no prefix to obstore, so that foreign files are passed over here.
        for item in found:
            if item.name.startswith(start) and "/" not in item.name and not item.name.endswith(".attrs"):
                yield item

    def exists(self, folder: str) -> bool:
        """By one small listing."""
        import obstore

        try:
            return bool(aside(lambda: next(obstore.list(self._store, f"{folder}/", chunk_size=1), None)))
        except Exception as err:  # noqa: BLE001
            raise self._error(err, folder) from None

    def read(self, key: str, limit: int) -> bytes:
        """The whole object."""
        return self._get(key, limit)[1]

    def part(self, key: str, start: int, size: int) -> bytes | None:
        """By a range; some servers know none."""
        import obstore

        try:
            return bytes(aside(lambda: obstore.get_range(self._store, key, start=start, length=size)))
        except Exception:  # noqa: BLE001 - who reads the whole is told what is wrong
            return None

    def read_all(self, keys: Sequence[str], limit: int) -> Iterator[bytes | BackendError]:
        """`AT_ONCE` at a time."""

        def one(key: str) -> bytes | BackendError:
            try:
                return self.read(key, limit)
            except FileNotFoundError as err:
                gone = BackendError(f"{self.where(key)} is no longer there")
                gone.__cause__ = err
                return gone
            except BackendError as err:
                return err

        yield from self._at_once(one, keys)

    def newest(self, keys: Sequence[str], what: str, limit: int) -> Stored | None:
        """All variants are asked for at once: most often only one is there."""

        def one(key: str) -> tuple[float, Stored] | None:
            try:
                meta, content = self._get(key, limit)
            except FileNotFoundError:
                return None
            return meta["last_modified"].timestamp(), Stored(key, content)

        there = [found for found in self._at_once(one, keys) if found is not None]
        return max(there, key=lambda found: found[0])[1] if there else None

    def mark(self, keys: Sequence[str]) -> str:
        """The ETags."""
        return " ".join(_mark(meta["e_tag"]) if meta else "-" for meta in self._at_once(self._head, keys))

    def digests(self, keys: Sequence[str]) -> list[str]:
        """ETags with sizes; Azure's are no digests, but different for each write."""
        if self._url.url.startswith("azblob://"):
            return [""] * len(keys)
        return [
            self.digest(Item(key, _mark(meta["e_tag"]), meta["size"])) if meta is not None else ""
            for key, meta in zip(keys, self._at_once(self._head, keys), strict=True)
        ]

    def digest(self, item: Item) -> str:
        """As the listing says."""
        opaque = not item.mark or self._url.url.startswith("azblob://")
        return "" if opaque else f"{item.mark}.{item.size}"

    def touched(self, keys: Iterable[str], ended: int) -> str:
        """By the times of the objects."""
        keys = list(keys)
        for key, meta in zip(keys, self._at_once(self._head, keys), strict=True):
            if meta and (again := later(meta["last_modified"].timestamp(), ended / _NANOSECONDS)):
                return f"{self.where(key)} was changed {again} after its update"
        return ""

    def remedy(self, key: str) -> str:
        """The CLI keeps a copy beside each state."""
        return f"The CLI keeps the state before it as {self.where(key)}.bak; versions of the bucket may have more."

    def swap(self, key: str, change: Change) -> bool:
        """By the ETag of what was read; where the store knows no such condition, while a claim stands beside it."""
        return self._writer.swap(key, change)

    def write(self, key: str, content: bytes) -> None:
        """One request."""
        self._writer.write(key, content)

    def remove(self, key: str) -> None:
        """One request."""
        self._writer.remove(key)

    # -- inside -------------------------------------------------------------------------------------------------

    def _get(self, key: str, limit: int) -> tuple[ObjectMeta, bytes]:
        import obstore

        try:
            answer = aside(lambda: obstore.get(self._store, key))
            if answer.meta["size"] > limit:
                raise BackendError(
                    f"{self.where(key)} has more than {limit >> 10:,} KiB", hint="Pulumi writes no such file."
                )
            return answer.meta, bytes(aside(answer.bytes))
        except (FileNotFoundError, BackendError):
            raise
        except Exception as err:  # noqa: BLE001
            raise self._error(err, key) from None

    def _head(self, key: str) -> ObjectMeta | None:
        import obstore

        try:
            return aside(lambda: obstore.head(self._store, key))
        except FileNotFoundError:
            return None
        except Exception as err:  # noqa: BLE001
            raise self._error(err, key) from None

    def _listing(self, folder: str) -> Any:
        import obstore

        try:
            return aside(lambda: obstore.list_with_delimiter(self._store, folder))
        except Exception as err:  # noqa: BLE001
            raise self._error(err, folder) from None

    def _page(self, folder: str, after: str) -> Page:
        """One request: a stream that is dropped asks for no second page."""
        chunk = next(self._chunks(folder, after), [])
        return Page([_item(found, folder) for found in chunk], len(chunk) >= self._page_size)

    def _stream(self, folder: str, after: str) -> Iterator[Item]:
        """Page after page, each asked when the one before has come."""
        self._in_turn = True
        for chunk in self._chunks(folder, after):
            yield from (item for found in chunk if (item := _item(found, folder)).name > after)

    def _chunks(self, folder: str, after: str) -> Iterator[Sequence[ObjectMeta]]:
        import obstore

        offset = f"{folder}/{after}" if after else None
        try:
            chunks = obstore.list(self._store, f"{folder}/", offset=offset, chunk_size=self._page_size)
            while chunk := aside(lambda: next(chunks, None)):
                yield chunk
        except Exception as err:  # noqa: BLE001 - obstore's errors have no root but Exception
            raise self._error(err, folder) from None

    def _at_once(self, call: Any, keys: Sequence[str]) -> Iterator[Any]:
        return at_once(call, keys, AT_ONCE)

    def _error(self, err: Exception, what: str) -> BackendError:
        return store_error(err, url=self.shown, place=self._url.place, what=what)


def client_options(endpoint: str, environ: Mapping[str, str]) -> Any:
    """How obstore talks to a server: `PATIENCE` is for each answer to begin and to go on, not for the whole of it."""
    return {
        "allow_http": endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=CONNECT),
        "read_timeout": timedelta(seconds=PATIENCE),
        "timeout": timedelta(seconds=WHOLE),
        "pool_max_idle_per_host": str(AT_ONCE),
        **_proxy(endpoint, environ),
    }


def _proxy(endpoint: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The proxy that the environment names; as with the CLI never for this machine itself."""
    scheme = endpoint.partition("://")[0]
    proxy = environ.get(f"{scheme}_proxy") or environ.get(f"{scheme}_proxy".upper())
    if not proxy:
        return {}
    excluded = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    return {"proxy_url": proxy, "proxy_excludes": ",".join(filter(None, (excluded, "localhost", "127.0.0.0/8", "::1")))}


def _item(found: ObjectMeta, folder: str) -> Item:
    """Named within the folder, with slashes where it is further down."""
    return Item(found["path"].removeprefix(f"{folder}/"), _mark(found["e_tag"]), found["size"])


def _mark(e_tag: str | None) -> str:
    """An ETag as it is compared: some servers quote it in one answer and not in the other."""
    return (e_tag or "").removeprefix("W/").strip('"')
