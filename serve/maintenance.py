"""What an operator does beside the running service: purge, backup and restore. Each says in a sentence what it did."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serve.access.caller import Caller
from serve.access.keys import COMMAND_LINE
from serve.access.roles import Role
from serve.backup import BackupContents, back_up
from serve.database import Database, default_url
from serve.photos.keeping import sweep
from serve.photos.retention import purge
from serve.photos.store import PhotoStore, default_photo_url, open_photo_store
from serve.restore import restore
from serve.settings import Settings


def purge_now(settings: Settings, *, dry_run: bool) -> str:
    """Remove, or only count, what is older than its retention."""
    with _opened(settings) as (database, store):
        database.migrate()
        purged = purge(
            database,
            Caller(key_name=COMMAND_LINE, role=Role.ADMIN),
            retention_days=settings.retention_days,
            photo_retention_days=settings.photo_retention_days,
            dry_run=dry_run,
        )
        what = f"{purged.cases} cases, and the photos of {purged.cases_without_photos} others"
        if dry_run:
            return f"Would purge {what}."
        files = sweep(database, store, settings.loose_file_seconds)
    return (
        f"Purged {what}; removed {files} files that no case names. Files of what is purged now go "
        f"{settings.loose_file_seconds} seconds later, by the running service or when this command is given again."
    )


def back_up_to(settings: Settings, file: Path) -> str:
    """Write everything into one file."""
    with _opened(settings) as (database, store):
        contents = back_up(database, store, file)
    return f"Wrote {_said(contents)} to {file}. It holds personal data and secrets: keep it as safe as the service."


def restore_from(settings: Settings, file: Path) -> str:
    """Fill an empty database and its photo store from such a file."""
    with _opened(settings) as (database, store):
        contents = restore(database, store, file)
        return f"Restored {_said(contents)} into {database.name}."


def _said(contents: BackupContents) -> str:
    cases, entries = (contents.tables[name].rows for name in ("cases", "audit_entries"))
    missing = f" ({len(contents.missing)} more were gone)" if contents.missing else ""
    return f"{cases} cases, {contents.photos} photo files{missing} and {entries} audit entries"


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Database, PhotoStore]]:
    store = open_photo_store(settings.photo_store_url or default_photo_url(settings.data_folder))
    database = Database(settings.database_url or default_url(settings.data_folder))
    try:
        yield database, store
    finally:
        database.close()
