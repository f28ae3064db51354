"""Structured logs: one JSON object a line on standard output."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

_encode = json.JSONEncoder(default=str).encode  # escapes what a terminal could take for a command


def log(event: str, level: int = logging.INFO, **facts: Any) -> None:
    """Writes one line, without the logging module, which would look up the caller for each request."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    entry = {"time": moment, "level": logging.getLevelName(level).lower(), "event": event, **facts}
    sys.stdout.write(_encode(entry) + "\n")
    sys.stdout.flush()


class _JsonHandler(logging.Handler):
    """Writes the records of libraries with `log`."""

    def emit(self, record: logging.LogRecord) -> None:
        trace = {"traceback": logging.Formatter().formatException(record.exc_info)} if record.exc_info else {}
        log(record.getMessage(), record.levelno, logger=record.name, **trace)


def start_logging() -> None:
    """Writes the warnings of uvicorn and asyncio as lines of JSON, too."""
    for name in ("uvicorn", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [_JsonHandler()], False
        logger.setLevel(logging.WARNING)
