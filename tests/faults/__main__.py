"""``python -m tests.faults``: breaks rollbacks for some minutes and tells what was left (``make faults``)."""

from __future__ import annotations

import argparse
import itertools
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pulumi_rewind.system.toolchain import find_engine
from tests.faults.draw import FAULTS, OPEN, Moment, moments, unknown
from tests.faults.stage import Stage
from tests.faults.trial import ABSENT, BROKEN, WHOLE, Outcome, Trials

FOREIGN = ("PULUMI_", "GIT_", "XDG_", "BRIDGED_", "AWS_", "GOOGLE_", "AZURE_")


def main() -> int:
    """Runs moments until the time is over; exit code 1 if one of them left something that isn't whole."""
    options = _options(sys.argv[1:])
    kinds = [word for word in options.kinds.replace(",", " ").split() if word]
    if wrong := unknown(kinds):
        print(f"no such road or fault: {', '.join(wrong)}; `--help` lists them", file=sys.stderr)
        return 2
    engine = find_engine(os.environ)
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        del os.environ[name]
    drawn: Iterable[Moment] = moments(options.seed, kinds)
    if options.one is not None:
        drawn = [next(moment for moment in moments(options.seed, kinds) if moment.number == options.one)]
    print(f"seed {options.seed}, pulumi {engine.version}, {options.minutes:g} minutes", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="rewind-faults-"))
    try:
        trials = Trials(Stage(directory, engine.path), directory / "moments")
        outcomes = _run_all(trials, drawn, options)
    finally:
        if not options.keep:
            shutil.rmtree(directory, ignore_errors=True)
    return _summary(outcomes, options.seed, directory if options.keep else None)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description=__doc__, epilog=f"faults: {' '.join((*FAULTS, *OPEN))}"
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="no moment begins after that long")
    parser.add_argument("--seed", default=secrets.token_hex(3), help="decides everything")
    parser.add_argument(
        "--kinds", default="", help="only these roads or faults, for example 'program+callbacks int hup'"
    )
    parser.add_argument("--one", type=int, metavar="NUMBER", help="only this moment")
    parser.add_argument("--workers", type=int, default=2, help="moments at a time")
    parser.add_argument("--count", type=int, help="at most that many moments")
    parser.add_argument("--keep", action="store_true", help="leave the stacks of failing moments")
    return parser.parse_args(arguments)


def _run_all(trials: Trials, drawn: Iterable[Moment], options: argparse.Namespace) -> list[Outcome]:
    """Several at a time; each is told as soon as it is over."""
    until, lock, outcomes = time.monotonic() + options.minutes * 60, threading.Lock(), list[Outcome]()
    waiting, over = iter(itertools.islice(drawn, options.count)), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):  # what is mounted has to be taken away again
        signal.signal(number, lambda *_: over.set())

    def work() -> None:
        while time.monotonic() < until and not over.is_set():
            with lock:
                moment = next(waiting, None)
            if moment is None:
                return
            outcome = trials.run(moment, keep=options.keep)
            with lock:
                outcomes.append(outcome)
                _tell(outcome, options.seed)

    with ThreadPoolExecutor(options.workers) as pool:
        for done in [pool.submit(work) for _ in range(options.workers)]:
            done.result()
    return outcomes


def _tell(outcome: Outcome, seed: str) -> None:
    moment = outcome.moment
    when = f"event {outcome.event}" if outcome.event else "planning"
    took = " ".join(outcome.took)
    print(
        f"{seed:<8} {moment.number:>4}  {moment.fault:<16} {moment.kind:<20} {when:<9} "
        f"{outcome.verdict:<8} {'' if outcome.code is None else outcome.code:>4} {outcome.seconds:>5.1f} s  {took}",
        flush=True,
    )
    if outcome.verdict == BROKEN:
        for line in (*outcome.why.splitlines(), *_end(outcome.said)):
            print(f"      {line}", flush=True)
        print(f"    again: make faults SEED={seed} ONE={moment.number}", flush=True)


def _end(said: str) -> list[str]:
    return [line[:400] for line in said.splitlines() if not line.startswith('{"event"')][-25:]


def _summary(outcomes: Sequence[Outcome], seed: str, kept: Path | None) -> int:
    """The table of faults and roads, and the sum."""
    kinds = sorted({outcome.moment.kind for outcome in outcomes})
    counts = Counter((outcome.moment.fault, outcome.moment.kind, outcome.verdict) for outcome in outcomes)

    def cell(fault: str, kind: str) -> str:
        whole, broken = counts[fault, kind, WHOLE], counts[fault, kind, BROKEN]
        return f"{whole}, {broken} broken" if broken else str(whole or ("–" if counts[fault, kind, ABSENT] else "."))

    print(f"\n{'':<18}{''.join(f'{kind:>22}' for kind in kinds)}")
    for fault in (*FAULTS, *OPEN):
        if any(counts[fault, kind, verdict] for kind in kinds for verdict in (WHOLE, BROKEN, ABSENT)):
            print(f"{fault:<18}{''.join(f'{cell(fault, kind):>22}' for kind in kinds)}")
    verdicts = Counter(outcome.verdict for outcome in outcomes)
    for why in sorted({outcome.why for outcome in outcomes if outcome.verdict == ABSENT}):
        print(f"not here: {why}")
    if kept:
        print(f"kept: {kept}")
    tried = verdicts[WHOLE] + verdicts[BROKEN]
    print(f"seed {seed}: {tried} moments, {verdicts[BROKEN]} broken, {verdicts[ABSENT]} not to be had here")
    return 1 if verdicts[BROKEN] or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
