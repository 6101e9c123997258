"""``python -m tests.threats``: every threat of docs/security.md and the tests that show what stands in its way."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from textwrap import fill

from tests.support.documents import CODE, Document

PARAGRAPH = re.compile(r"^\*\*T(\d+)\. (.+?)\*\*(.*?)^(Tests|No test): (.+?)\n$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Threat:
    """One of them; ``tests`` are modules, classes or methods below ``tests``, ``excuse`` says why there is none."""

    number: int
    what: str
    defence: str
    tests: tuple[str, ...]
    excuse: str

    def __str__(self) -> str:
        shown = "\n".join(f"       {test}" for test in self.tests) or f"       no test: {self.excuse}"
        return f"{fill(f'T{self.number}  {self.what}', 110)}\n{shown}"


def threats() -> list[Threat]:
    """All of them, as the document has them, by number."""
    found = [
        Threat(
            int(number),
            " ".join(what.split()),
            " ".join(defence.split()),
            tuple(CODE.findall(proof)) if kind == "Tests" else (),
            " ".join(proof.split()) if kind == "No test" else "",
        )
        for number, what, defence, kind, proof in PARAGRAPH.findall(f"{Document.read('docs/security.md').text}\n")
    ]
    return sorted(found, key=lambda threat: threat.number)


def main() -> None:
    """Print them."""
    listed = threats()
    for threat in listed:
        sys.stdout.write(f"{threat}\n")
    tested = sum(bool(threat.tests) for threat in listed)
    sys.stdout.write(f"{len(listed)} threats: {tested} with tests, {len(listed) - tested} with a reason why not\n")


if __name__ == "__main__":
    main()
