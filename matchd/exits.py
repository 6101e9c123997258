"""How the process ends: its last line on stderr, its exit status, and what the signals ask of it.

twistd has no word for failure once the reactor runs: it prints a SystemExit raised there and ends with
status 0, and a reactor that a signal stopped makes it die by that signal.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IReactorCore, IReactorFromThreads
from twisted.logger import Logger

log = Logger()

HELD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
"""The signals that wait until this process has its answers to them."""

HARMLESS = {
    signal.SIGHUP: "settings are read at the start only: nothing is changed",
    signal.SIGUSR1: "there is no --logfile to rotate: nothing is changed",
}
"""The signals that change nothing where nobody has another answer to them, and what is logged."""

_failures: list[str] = []


def complain(text: str, program: str = "matchd") -> None:
    """Print one line on the real stderr, also where twistd has turned ``sys.stderr`` into its log."""
    with suppress(OSError, ValueError):
        print(f"{program}: {printable(text)}", file=sys.__stderr__, flush=True)


def printable(text: str) -> str:
    """``text`` with escapes for what would end its line, command a terminal, or show it otherwise than it is."""
    return text if text.isprintable() else "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def fail(reactor: IReactorCore, text: str, program: str = "matchd") -> None:
    """Say in one line why matchd can't go on, and stop the reactor, now or once it runs; the exit status is 1."""
    log.error("{reason}", reason=text)
    complain(text, program)
    _failures.append(text)
    stop(reactor)


def stop(reactor: IReactorCore) -> None:
    """Stop the reactor, now or once it runs; one that stops already goes on to do so."""
    if not reactor.running:
        reactor.callWhenRunning(_stop_running, reactor)
    else:
        _stop_running(reactor)


def _stop_running(reactor: IReactorCore) -> None:
    with suppress(ReactorNotRunning):
        reactor.stop()


def hold_signals() -> None:
    """Have signals wait until ``on_terminate`` answers them: until then one would end the process half-started."""
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)


@contextmanager
def signals_held() -> Iterator[None]:
    """Have a child that is started meanwhile begin with its signals held; those of this process wait so long too."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def on_terminate(reactor: IReactorCore, first: Callable[[], object], second: Callable[[], object]) -> None:
    """Answer SIGTERM with ``first``, and a further one, or SIGINT, with ``second`` and the reactor's stop.

    Both are called in the reactor. ``first`` sees to it that ``stop`` is called when all is done. The exit
    status is 0. SIGHUP and SIGUSR1, where nothing else answers them, are logged and change nothing.
    """
    asked = False

    def terminate() -> None:
        nonlocal asked
        if asked:
            return interrupt()
        asked = True
        try:
            first()
        except Exception:
            stop(reactor)
            raise

    def interrupt() -> None:
        try:
            second()
        finally:
            stop(reactor)

    # Once it runs, the reactor's own answers are in place, and can be replaced.
    reactor.callWhenRunning(_answer, reactor, signal.SIGTERM, terminate)
    reactor.callWhenRunning(_answer, reactor, signal.SIGINT, interrupt)
    for number, meaning in HARMLESS.items():
        reactor.callWhenRunning(_shrug, reactor, number, meaning)
    reactor.callWhenRunning(signal.pthread_sigmask, signal.SIG_UNBLOCK, HELD)


def _answer(reactor: IReactorCore, number: signal.Signals, answer: Callable[[], None]) -> None:
    # A shell has its background jobs ignore SIGINT, and they should.
    if signal.getsignal(number) is not signal.SIG_IGN:
        in_reactor = IReactorFromThreads(reactor).callFromThread
        signal.signal(number, lambda *_: in_reactor(answer))


def _shrug(reactor: IReactorCore, number: signal.Signals, meaning: str) -> None:
    # twistd's or our own log may answer it already, and one that is ignored, as by nohup, should stay so.
    if signal.getsignal(number) is signal.SIG_DFL:
        _answer(reactor, number, lambda: log.info("{signal}: {meaning}", signal=number.name, meaning=meaning))


def _end() -> None:
    """Leave with status 1 after a failure, and with 0, not Python's 120, where only the log could not be written."""
    flushed = _flush(sys.__stdout__) and _flush(sys.__stderr__)
    if _failures or not flushed:
        os._exit(1 if _failures else 0)


def _flush(stream: TextIO | None) -> bool:
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):
        return False
    return True


# Registered at import, before what others register, so that it runs after theirs.
atexit.register(_end)
