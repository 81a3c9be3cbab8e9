"""How log lines look: for people on a terminal, else one JSON object a line. Every line names its request.

Never logged, for they are secrets or say who and where somebody is: query strings, headers, file names, reporters,
places and addresses of clients.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from serve.observe.notes import current_request_id

FIELDS = "fields"
"""Name in `extra` of values that JSON lines hold by name: log.info(…, extra={FIELDS: {"status": 200}})."""


class LogFormat(StrEnum):
    """How lines are written."""

    AUTO = "auto"  # text on a terminal, JSON elsewhere
    TEXT = "text"
    JSON = "json"


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request_id, and the named values of the record."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (request_id := current_request_id()) is not None:
            line["request_id"] = request_id
        line |= getattr(record, FIELDS, {})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class TextLines(logging.Formatter):
    """A line for people, with the id of its request at the end."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the name is logging's
        """All but the traceback."""
        line = super().formatMessage(record)
        request_id = current_request_id()
        return line if request_id is None else f"{line} [{request_id}]"


def start_logs(log_format: LogFormat) -> None:
    """Write everything from INFO up to stderr."""
    handler = logging.StreamHandler()
    people = log_format is LogFormat.TEXT or (log_format is LogFormat.AUTO and sys.stderr.isatty())
    handler.setFormatter(TextLines() if people else JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
