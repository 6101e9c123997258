"""Secrets: each from the file of settings, from a file of its own or from the environment, never from an option.

``operator_token`` may be given as that, as ``operator_token_file`` or as the variable MATCHD_OPERATOR_TOKEN, by
one of the three; ``servers.token`` likewise, as MATCHD_SERVERS_TOKEN. What other users of the machine can read
is used all the same, with a warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matchd.config.files import is_public, path_of, read_file, reason
from matchd.config.table import VISIBLE, Form, Table


class Secrets:
    """Reads secrets; ``warnings`` has a line for each that is not well kept."""

    def __init__(self, environ: Mapping[str, str], config: Path | None = None) -> None:
        """``config`` is the file of settings, next to which the files are that it names."""
        self.warnings: list[str] = []
        self._environ = environ
        self._config = config
        self._folder = config.parent if config else Path.cwd()
        self._inline: list[str] = []

    def read(self, table: Table, key: str, form: Form = VISIBLE, public: bool = False) -> str:
        """The secret ``key``; empty where it is not given, or wrong, which the table is told.

        One that is ``public`` after all may be read by anyone.
        """
        secret, file, variable = table.text(key, form=form, secret=True), f"{key}_file", _variable(table, key)
        path = path_of(table, file, self._folder)
        if path is not None and key in table:
            table.refuse(file, f"{key} is set too; keep one of them")
        elif variable in self._environ and (path is not None or key in table):
            table.refuse(file if path is not None else key, f"{variable} is set too; keep one of them")
        elif path is not None:
            secret = _checked(table, file, self._read(table, file, path, public), str(path), form)
        elif variable in self._environ:
            secret = _checked(table, key, self._environ[variable].strip(), variable, form)
        elif secret and not public:
            self.found(table, key)
        return secret

    def is_given(self, table: Table, key: str) -> bool:
        """Whether the secret is given in any way, even a wrong one."""
        return key in table or f"{key}_file" in table or _variable(table, key) in self._environ

    def found(self, table: Table, key: str) -> None:
        """There is a secret in the value of ``key`` itself."""
        if table.is_option(key):
            self.warnings.append(f"every user of this machine can read the secret in {table.name(key)}")
        else:
            self._inline.append(table.name(key))

    def check_config(self) -> None:
        """Warn if the file of settings has secrets in it and is open to all; called when all are read."""
        if self._config is not None and self._inline:
            self.check_file(self._config, ", ".join(self._inline))

    def check_file(self, path: Path, names: str) -> None:
        """Warn if a file that is there, and has the secrets that are called so, is open to all."""
        if is_public(path):
            self.warnings.append(f"every user of this machine can read {path}: {names}")

    def read_file(self, table: Table, key: str, public: bool = False) -> tuple[Path | None, str]:
        """The file that ``key`` names, and its content; empty where there is none, which the table is told."""
        path = path_of(table, key, self._folder)
        content = self._read(table, key, path, public) if path is not None else None
        if content == "":
            table.refuse(key, f"{path}: is empty")
        return path, content or ""

    def _read(self, table: Table, key: str, path: Path, public: bool) -> str | None:
        """The content of a file; None when it can't be read, which the table has been told."""
        try:
            content = read_file(path).strip()
            if not public:
                self.check_file(path, table.name(key))
            return content
        except (OSError, ValueError) as error:
            table.refuse(key, f"{path}: {reason(error)}")
            return None


def _variable(table: Table, key: str) -> str:
    return "MATCHD_" + table.name(key).upper().replace(".", "_")


def _checked(table: Table, key: str, secret: str | None, place: str, form: Form) -> str:
    if secret is not None and not form.fits(secret):
        what = next((word for word in ("password", "key") if word in key), "token")
        table.refuse(key, f"{place} holds no {what}: {form.words}")
        return ""
    return secret or ""
