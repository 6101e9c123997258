"""What an installation of matchd is made of. ``.ci/run`` builds a wheel and tries it; here stand the traps."""

from __future__ import annotations

import runpy
import sys
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase

from matchd import __version__
from tests.support.children import REPOSITORY

PLUGINS = {"matchd": "matchd.tap", "dedicated": "matchd.dedicated.tap"}


def setup_arguments() -> dict[str, Any]:
    """What setup.py tells setuptools."""
    told: dict[str, Any] = {}
    setuptools = ModuleType("setuptools")
    setuptools.setup = told.update  # type: ignore[attr-defined]
    with mock.patch.dict(sys.modules, {"setuptools": setuptools}):
        runpy.run_path(str(REPOSITORY / "setup.py"))
    return told


class PluginTests(SynchronousTestCase):
    """twistd finds matchd's commands, and nothing of Twisted's is in the way or lost."""

    def test_no_package_of_twisted_here(self) -> None:
        """An ``__init__.py`` here would replace Twisted's own on installation, and remove it with matchd."""
        self.assertEqual([path.name for path in (REPOSITORY / "twisted").rglob("__init__.py")], [])

    def test_each_command_once(self) -> None:
        """Two of a name mean two installations, and nobody could tell which of them runs."""
        found = [plugin for plugin in getPlugins(IServiceMaker) if plugin.tapname in PLUGINS]
        self.assertEqual({plugin.tapname: plugin.module for plugin in found}, PLUGINS)
        self.assertEqual(len(found), len(PLUGINS))
        self.assertTrue(all(plugin.description for plugin in found))


class SetupTests(SynchronousTestCase):
    """setup.py names everything, as an editable installation needs it to."""

    def test_every_package(self) -> None:
        """Each package of matchd is listed; the tests and the client are not installed."""
        packages = {
            ".".join(path.parent.relative_to(REPOSITORY).parts) for path in (REPOSITORY / "matchd").rglob("__init__.py")
        }
        self.assertEqual(set(setup_arguments()["packages"]), packages | {"twisted.plugins"})

    def test_the_root_is_the_root(self) -> None:
        """Only so ``pip install -e`` puts the repository on the path, where twistd finds the plugin."""
        self.assertEqual(setup_arguments()["package_dir"], {"": "."})

    def test_every_file_that_is_no_python(self) -> None:
        """Scripts, pages and markers are installed with the package that they lie in."""
        data = setup_arguments()["package_data"]
        patterns = [f"{package.replace('.', '/')}/{pattern}" for package, found in data.items() for pattern in found]
        others = [path for path in (REPOSITORY / "matchd").rglob("*.*") if path.suffix not in (".py", ".pyc")]
        names = [str(path.relative_to(REPOSITORY)) for path in others if path.is_file()]
        self.assertIn("matchd/py.typed", names)
        self.assertEqual([name for name in names if not any(fnmatch(name, each) for each in patterns)], [])
        self.assertEqual([each for each in patterns if not any(fnmatch(name, each) for name in names)], [])

    def test_version(self) -> None:
        """The version stands in one place."""
        self.assertEqual(setup_arguments()["version"], __version__)
        self.assertIn(f"## {__version__}", (REPOSITORY / "CHANGELOG.md").read_text())

    def test_licence(self) -> None:
        """The licence that is named is the one that lies there."""
        self.assertEqual(setup_arguments()["license"], "MIT")
        self.assertTrue((REPOSITORY / "LICENSE").read_text().startswith("MIT License"))

    def test_runs_anywhere(self) -> None:
        """The checks can be started as they stand."""
        self.assertTrue(Path(REPOSITORY / ".ci" / "run").stat().st_mode & 0o111)
