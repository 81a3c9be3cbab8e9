"""Long lists, a page at a time: newest first, from a cursor that says where the last page ended.

A cursor holds the moment and the id of the last row, so rows that are added meanwhile move nothing.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy.orm import InstrumentedAttribute

from serve.refusals import Refusal

Row = TypeVar("Row")
Id = TypeVar("Id", str, int)

MOST_ROWS = 200


def after_cursor(
    cursor: str | None,
    moment: InstrumentedAttribute[datetime],
    row_id: InstrumentedAttribute[Id],
    kind: Callable[[str], Id],
) -> list[ColumnElement[bool]]:
    """The condition that leaves the rows after a cursor; none for the first page.

    Args:
        kind: makes an id of its text.

    Raises:
        Refusal: cursor_invalid.
    """
    if cursor is None:
        return []
    try:
        when, _, last = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        at, last_id = datetime.fromtimestamp(int(when) / 1_000_000, UTC), kind(last)
        if "\x00" in last:
            raise ValueError("NUL")
    except (ValueError, binascii.Error, OverflowError, OSError) as error:
        raise Refusal("cursor_invalid", found=repr(cursor[:60])) from error
    return [or_(moment < at, and_(moment == at, row_id < last_id))]


def cut_page(
    rows: Sequence[Row], limit: int, place: Callable[[Row], tuple[datetime, str | int]]
) -> tuple[Sequence[Row], str | None]:
    """The page and the cursor of the next one.

    Args:
        rows: one more than the page takes, if there are as many.
        place: moment and id of a row.
    """
    if len(rows) <= limit:
        return rows, None
    at, last_id = place(rows[limit - 1])
    since_epoch = at - datetime.fromtimestamp(0, UTC)
    microseconds = (since_epoch.days * 86_400 + since_epoch.seconds) * 1_000_000 + since_epoch.microseconds
    return rows[:limit], base64.urlsafe_b64encode(f"{microseconds} {last_id}".encode()).decode()
