"""serve/cases/audit.py: what an entry holds, and that nobody changes it."""

from model.card import load_card
from model.classifier import current_release
from serve.access.caller import Caller
from serve.access.roles import Role
from serve.cases.audit import record
from serve.database import Database, default_url
from serve.tables import AuditEntry


def test_an_entry_says_who_what_and_by_which_model(tmp_path):
    database = Database(default_url(tmp_path))
    database.migrate()
    card = load_card(current_release())
    with database.writing() as session:
        caller = Caller(key_name="urban", role=Role.SYSTEM)
        record(
            session, caller, "case.created", case_id="c", photo_sha256s=["ab"], card=card, content={"verdict": "review"}
        )

    with database.reading() as session:
        entry = session.query(AuditEntry).one()
    database.close()

    assert (entry.key_name, entry.role, entry.action, entry.case_id) == ("urban", "system", "case.created", "c")
    assert (entry.photo_sha256s, entry.content) == (["ab"], {"verdict": "review"})
    assert (entry.model_version, entry.model_fingerprint) == (card.version, card.fingerprint())
