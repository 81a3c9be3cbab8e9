"""Where what is kept cannot be written or read now: a lost database, a full disk. The request is to come again."""

import errno

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from serve.photos.keeping import ClaimedTooLate
from serve.photos.store import PhotoStoreFailed

STORAGE_ERRORS = (OperationalError, InterfaceError, NoConnectionFree, PhotoStoreFailed, ClaimedTooLate, OSError)
"""Types to ask `is_of_storage` about."""

_OF_STORAGE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


def is_of_storage(error: Exception) -> bool:
    """Whether the place where things are kept is at fault, and not the request or a mistake of ours."""
    return not isinstance(error, OSError) or error.errno in _OF_STORAGE
