"""Sessions of staff in a browser: a signed cookie that names the key it was opened with.

The cookie is read by no script (HttpOnly) and sent by no other site (SameSite=Strict). What changes something must also
carry the session's CSRF token as a header, which only a page that could read our answer knows.
"""

import hashlib
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import delete
from sqlalchemy.orm import Session

from serve.tables import EndedSession

COOKIE = "xuntu_session"
CSRF_HEADER = "X-CSRF-Token"
SECRET_FILE = "session.secret"

_SECRET_BYTES = 32
_SALT = "xuntu session"


@dataclass(frozen=True, kw_only=True)
class StaffSession:
    """What a cookie that we signed says."""

    id: str
    key_id: str
    csrf_token: str
    expires_at: datetime


class Sessions:
    """Opens sessions and reads their cookies; the same secret makes them good in every process."""

    def __init__(self, secret: str, hours: float) -> None:
        self._lasts = timedelta(hours=hours)
        self._signer = URLSafeTimedSerializer(
            secret, salt=_SALT, signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256}
        )

    @property
    def seconds(self) -> int:
        """How long a session lasts."""
        return int(self._lasts.total_seconds())

    def open(self, key_id: str) -> tuple[StaffSession, str]:
        """A new session, and its cookie."""
        session_id, csrf_token = secrets.token_hex(16), secrets.token_urlsafe(_SECRET_BYTES)
        cookie = self._signer.dumps([session_id, key_id, csrf_token])
        now = datetime.now(UTC).replace(microsecond=0)
        opened = StaffSession(id=session_id, key_id=key_id, csrf_token=csrf_token, expires_at=now + self._lasts)
        return opened, str(cookie)

    def read(self, cookie: str) -> StaffSession | None:
        """The session of a cookie that we signed and that has not expired."""
        try:
            (session_id, key_id, csrf_token), at = self._signer.loads(
                cookie, max_age=self.seconds, return_timestamp=True
            )
        except (BadData, ValueError):
            return None
        return StaffSession(id=session_id, key_id=key_id, csrf_token=csrf_token, expires_at=at + self._lasts)


def end_session(session: Session, staff_session: StaffSession) -> None:
    """Refuse its cookie from now on, also a copy of it."""
    session.execute(delete(EndedSession).where(EndedSession.expires_at < datetime.now(UTC)))
    session.merge(EndedSession(id=staff_session.id, expires_at=staff_session.expires_at))


def is_ended(session: Session, staff_session: StaffSession) -> bool:
    """Whether it was ended before its time."""
    return session.get(EndedSession, staff_session.id) is not None


def stored_secret(data_folder: Path) -> str:
    """The secret of this data folder, made by whichever process asks first; readable by its owner alone."""
    path = data_folder / SECRET_FILE
    if not path.exists():
        mine = data_folder / f".{SECRET_FILE}.{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(_SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(mine)  # whole or not at all, and never over that of another process
        except FileExistsError:
            pass
        finally:
            mine.unlink()
    return path.read_text(encoding="ascii")
