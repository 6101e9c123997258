"""Settings that a test writes, as a file or as the tree that a file comes to, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from matchd.config.settings import Settings, SettingsError, load, read

OPEN = "give --insecure to let anyone play under any name"
"""What is said to whoever opens the players' port without tokens."""


class FolderCase(SynchronousTestCase):
    """A folder, in which the file of settings is or could be."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = self.folder / "matchd.toml"


class FileCase(FolderCase):
    """Loads settings from files that it writes."""

    def load(self, text: str | bytes, **options: object) -> Settings:
        self.path.write_bytes(text.encode() if isinstance(text, str) else text)
        return load({"config": str(self.path), **options})

    def problems(self, text: str | bytes, **options: object) -> list[str]:
        return list(self.assertRaises(SettingsError, self.load, text, **options).problems)


class TreeCase(FolderCase):
    """Reads settings from trees, with secrets in files beside them or in the environment."""

    def setUp(self) -> None:
        super().setUp()
        self.environ: dict[str, str] = {}

    def file(self, name: str, content: str, mode: int = 0o600) -> str:
        """A file beside the settings."""
        path = self.folder / name
        path.write_text(content)
        path.chmod(mode)
        return str(path)

    def read(self, **tree: object) -> Settings:
        return read(tree, {}, self.path, self.environ)

    def problems(self, **tree: object) -> list[str]:
        return list(self.assertRaises(SettingsError, self.read, **tree).problems)
