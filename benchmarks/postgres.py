"""A PostgreSQL server for benchmarks and tests, from the programs that are installed."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

#: What a test or benchmark can do without: safety should the system crash, work in the background, and memory.
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
shared_buffers = 16MB
timezone = 'UTC'
"""

#: Waits until its input ends, because the tests closed it or were killed. Then stops the server and removes its folder.
GUARD = """
cat > /dev/null
"$1/pg_ctl" stop --silent --pgdata "$2/data" --mode immediate
rm -r "$2"
"""


def find_programs() -> Path:
    """The folder with PostgreSQL's programs: that of the path, or else Debian's of the newest version.

    Raises:
        FileNotFoundError: if there is none.
    """
    in_path = shutil.which("initdb")
    debian = sorted(
        Path("/usr/lib/postgresql").glob("[0-9]*/bin/initdb"), key=lambda path: int(path.parents[1].name), reverse=True
    )
    for initdb in [*([Path(in_path).resolve()] if in_path else []), *debian]:
        if (initdb.parent / "pg_ctl").exists():
            return initdb.parent
    raise FileNotFoundError("PostgreSQL is not installed: there is no initdb in PATH or /usr/lib/postgresql/*/bin")


class Postgres:
    """A server with a database ``postgres`` and one user, who may do everything.

    Use it in a ``with`` statement, which starts it, and removes it in the end. It runs as another user if the tests run
    as root, whom PostgreSQL refuses.

    Attributes:
        port: that of 127.0.0.1 on which it listens; the same whenever it starts.
        authentication: ``"trust"`` if any password will do, or ``"scram-sha-256"``.
    """

    user = "binfeed"
    password = "open-sesame"

    def __init__(self, authentication: Literal["trust", "scram-sha-256"] = "trust") -> None:
        self.authentication = authentication
        self.port = 0
        self._programs = find_programs()
        self._folder = Path(tempfile.mkdtemp(prefix="binfeed-postgres-"))
        self._as_user: dict[str, Any] = {"cwd": self._folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"}}
        if os.geteuid() == 0:
            owner = unprivileged_user()
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
            self._as_user |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        self._guard = subprocess.Popen(
            ["sh", "-c", GUARD, "guard", self._programs, self._folder],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the tests
            **self._as_user,
        )

    def __enter__(self) -> Postgres:
        try:
            self._initialise()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where clients find the server."""
        return f"postgresql://{self.user}:{self.password}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start the server, which is not running, and wait until clients can connect."""
        for is_last in (False, False, True):  # another process may be faster to take a free port
            port = self.port or free_port()
            try:
                self._run("pg_ctl", "start", "--pgdata", "data", "--log", "log", "--options", f"-p {port}")
            except RuntimeError:
                if is_last or self.port:
                    raise
            else:
                self.port = port
                return

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "immediate") -> None:
        """Stop the server, which can then be started again.

        Args:
            mode: ``"smart"`` waits until all clients have left, ``"fast"`` ends their sessions in good order, and
                ``"immediate"`` is as abrupt as a crash.
        """
        self._run("pg_ctl", "stop", "--pgdata", "data", "--mode", mode)

    def close(self) -> None:
        """Stop the server, if it is running, and remove it."""
        self._guard.communicate()

    def _initialise(self) -> None:
        (self._folder / "password").write_text(self.password)
        self._run(
            "initdb",
            *("--pgdata", "data", "--no-sync", "--encoding", "UTF8", "--locale", "C"),
            *("--auth", self.authentication, "--username", self.user, "--pwfile", "password"),
        )
        with (self._folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)

    def _run(self, program: str, *arguments: str) -> None:
        command = [self._programs / program, *arguments]
        # Not by way of a pipe, which the server would inherit.
        with (self._folder / "output").open("w+") as output:
            status = subprocess.call(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, timeout=120, **self._as_user
            )
        if status != 0:
            logs = [path.read_text() for name in ("output", "log") if (path := self._folder / name).exists()]
            raise RuntimeError(f"{program} failed:\n" + "\n".join(logs))


def unprivileged_user() -> pwd.struct_passwd:
    """Whom PostgreSQL may run as."""
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise LookupError("there is no user 'postgres' or 'nobody' for PostgreSQL to run as")


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
