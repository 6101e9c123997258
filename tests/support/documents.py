"""What a Markdown document says in its tables and blocks of code."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.support.children import REPOSITORY

CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Document:
    """A document of this repository, as text."""

    text: str

    @classmethod
    def read(cls, path: str) -> Document:
        """The document at ``path``, seen from the repository."""
        return cls((REPOSITORY / path).read_text())

    def section(self, heading: str) -> Document:
        """What stands under a heading of the second rank."""
        return Document(f"{self.text}\n".split(f"\n## {heading}\n")[1].split("\n## ")[0])

    @property
    def headings(self) -> list[str]:
        """The headings of the second rank."""
        return re.findall(r"^## (.+)$", self.text, re.MULTILINE)

    @property
    def tables(self) -> list[list[dict[str, str]]]:
        """Every table: of each the rows, their cells by what stands in the head."""
        found = []
        for block in re.findall(r"(?:^\|.*\n)+", self.text, re.MULTILINE):
            head, _, *rows = [_cells(line) for line in block.splitlines()]
            found.append([dict(zip(head, row, strict=True)) for row in rows])
        return found

    def code(self, language: str) -> list[str]:
        """The blocks of code in a language."""
        return re.findall(rf"^```{language}\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def bare(cell: str) -> str:
    """A cell without the marks of code around it."""
    match = CODE.fullmatch(cell)
    return match[1] if match else cell
