"""Opens the socket that a server listens on: a port, or a Unix socket."""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from framework.errors import FrameworkError, InputError

BACKLOG = 2048  # connections that wait to be accepted, at most
OPEN = 0o666  # mode of a Unix socket: any user may connect, as to a local port, unless permissions of the folder forbid it


def listen(host: str, port: int) -> socket.socket:
    """A TCP socket that listens. port: 0: a free port. Raises FrameworkError where the address cannot be bound."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise FrameworkError(
            f"cannot listen on {host}, port {port}: {getattr(error, 'strerror', error)}; --port 0 takes a free one"
        ) from error
    listener.listen(BACKLOG)
    return listener


@contextmanager
def listen_at(path: Path) -> Iterator[socket.socket]:
    """Yields a Unix socket that listens, and removes its file afterwards. The file of a killed server is replaced.

    Raises InputError where another file is at the path, and FrameworkError where the socket cannot be bound.
    """
    _remove_stale_socket(path)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        path.chmod(OPEN)
    except OSError as error:
        listener.close()
        raise FrameworkError(f"cannot listen on {path}: {error.strerror or error}") from error
    listener.listen(BACKLOG)
    inode = path.stat().st_ino
    try:
        yield listener
    finally:
        listener.close()
        with suppress(OSError):
            if path.stat().st_ino == inode:  # not the socket of a later server
                path.unlink()


def _remove_stale_socket(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except OSError:
        return  # there is none, or binding will fail with the reason
    if not stat.S_ISSOCK(mode):
        raise InputError(f"--uds {path} is there and is no socket; nothing was overwritten, name another file")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise FrameworkError(f"cannot listen on {path}: {error.strerror or error}") from error
        else:
            raise FrameworkError(f"another server listens on {path}; stop it, or name another file")
