"""Runs inputs under a watchdog, and keeps those on which something else than an error of ours came out."""

from __future__ import annotations

import hashlib
import resource
import signal
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from pulumi_rewind.errors import RewindError
from tests.fuzz.mutations import Mutator
from tests.fuzz.seeds import Target

LIMIT = 5.0
"""Seconds of processor time for one input; the slowest need a tenth of one."""

BELOW = 80
"""Frames that stand below a parser where the UI calls it."""


class Hang(BaseException):
    """An input took too long."""


class Runner:
    """Counts inputs and finds by target. `memory` limits the address space of this process."""

    def __init__(
        self, targets: Mapping[str, Target], seed: int, finds: Path, *, memory: int = 0, limit: float = LIMIT
    ) -> None:
        self._targets = targets
        self._finds = finds
        self._limit = limit
        self._mutators = {name: Mutator(f"{seed}/{name}", target.seeds) for name, target in targets.items()}
        self._told: set[tuple[str, ...]] = set()
        self.counts = dict.fromkeys(targets, 0)
        self.accepted = dict.fromkeys(targets, 0)
        self.found = dict.fromkeys(targets, 0)
        self.finds: list[str] = []
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, resource.getrlimit(resource.RLIMIT_AS)[1]))

    def run(self, name: str, *, seconds: float = float("inf"), inputs: float = float("inf")) -> None:
        """Throws inputs at a target for some time, or so many of them."""
        end = time.monotonic() + seconds
        done = 0
        while done < inputs and time.monotonic() < end:
            self._one(name, self._mutators[name].made())
            done += 1

    def _one(self, name: str, raw: bytes) -> None:
        self.counts[name] += 1
        before = signal.signal(signal.SIGVTALRM, _hang)
        signal.setitimer(signal.ITIMER_VIRTUAL, self._limit)
        try:
            _below(BELOW, self._targets[name].run, raw)
            self.accepted[name] += 1
        except RewindError:
            pass
        except KeyboardInterrupt:
            raise
        except BaseException as err:  # noqa: BLE001 - whatever comes out is what is looked for
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            self._keep(name, raw, err)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, before)

    def _keep(self, name: str, raw: bytes, err: BaseException) -> None:
        frames = [frame for frame in traceback.extract_tb(err.__traceback__) if "pulumi_rewind" in frame.filename]
        place = tuple(f"{Path(frame.filename).name}:{frame.name}" for frame in frames[-1:])
        if (name, type(err).__name__, *place) in self._told:
            return
        self._told.add((name, type(err).__name__, *place))
        self.found[name] += 1
        self._finds.mkdir(parents=True, exist_ok=True)
        file = self._finds / f"{name.replace('/', '-')}-{hashlib.sha256(raw).hexdigest()[:12]}"
        file.write_bytes(raw)
        where = " < ".join(
            f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames[-4:])
        )
        told = f"{name}: {type(err).__name__}: {str(err)[:200]}\n    {where}\n    {file}"
        self.finds.append(told)
        print(told, flush=True)


def _hang(_signal: int, _frame: FrameType | None) -> None:
    raise Hang("it took too long")


def _below(frames: int, run: Callable[[bytes], None], raw: bytes) -> None:
    if frames:
        _below(frames - 1, run, raw)
    else:
        run(raw)
