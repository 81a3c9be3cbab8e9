"""Cases in the database: adding one, finding one, and what a review or a check changes.

Everything here works in the caller's transaction and knows nothing of HTTP.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from model.card import ModelCard
from model.decision import Decision, VerificationDecision
from serve.access.caller import Caller
from serve.access.roles import Role
from serve.cases.audit import record
from serve.cases.duplicates import find_duplicates, pack_array
from serve.cases.workflow import Judgement, Status, after_report, after_review, after_verification
from serve.engine import ExaminedPhoto
from serve.photos.keeping import KeptPhoto
from serve.refusals import Refusal
from serve.tables import Case, CaseDuplicate, CasePhoto, CaseProblem, Review, Verification

WHOLE = (
    selectinload(Case.problems),
    selectinload(Case.photos),
    selectinload(Case.duplicates),
    selectinload(Case.verifications),
    selectinload(Case.reviews),
)
"""Loads a case with all that belongs to it."""


def add_case(
    session: Session,
    caller: Caller,
    card: ModelCard,
    fields: Mapping[str, Any],
    decision: Decision,
    photos: Sequence[CasePhoto],
    *,
    duplicate_days: float,
    duplicate_meters: float,
) -> Case:
    """A new case, with its duplicates and its entry in the audit log.

    Args:
        fields: external_id, longitude, latitude, crs, captured_at, reporter, grid; those that are known.
        decision: of all photos together.
    """
    now = datetime.now(UTC)
    case = Case(
        id=str(uuid.uuid4()),
        created_at=now,
        updated_at=now,
        status=after_report(decision.verdict),
        verdict=decision.verdict,
        scores=dict(decision.scores),
        key_name=caller.key_name,
        model_name=card.name,
        model_version=card.version,
        model_fingerprint=card.fingerprint(),
        **fields,
    )
    duplicates = find_duplicates(session, case, photos, days=duplicate_days, meters=duplicate_meters)
    case.problems = [CaseProblem(key=key, score=decision.scores[key]) for key in decision.problems]
    case.photos = list(photos)
    session.add(case)
    session.flush()
    case.duplicates = [
        CaseDuplicate(case_id=case.id, earlier_id=earlier, reason=reason) for earlier, reason in duplicates.items()
    ]
    content = {
        "verdict": decision.verdict,
        "problems": list(decision.problems),
        "scores": dict(decision.scores),
        "quality": list(decision.quality),
    }
    record(
        session,
        caller,
        "case.created",
        case_id=case.id,
        photo_sha256s=[photo.sha256 for photo in photos],
        card=card,
        content=content,
    )
    return case


def describe_photo(examined: ExaminedPhoto, kept: KeptPhoto) -> CasePhoto:
    """The row of an examined photo, not yet part of a case."""
    seen = examined.classified
    return CasePhoto(
        sha256=examined.sha256,
        width=seen.width,
        height=seen.height,
        verdict=seen.decision.verdict,
        problems=list(seen.decision.problems),
        scores=dict(seen.decision.scores),
        quality=list(seen.decision.quality),
        signature=pack_array(seen.signature),
        features=pack_array(seen.features),
        kept_sha256=kept.kept_sha256,
        original_sha256=kept.original_sha256,
    )


def photo_features(photo: CasePhoto) -> npt.NDArray[np.float16] | None:
    """(features,) what the network saw of a stored photo."""
    return None if photo.features is None else np.frombuffer(photo.features, dtype=np.float16)


def find_case(session: Session, case_id: str, caller: Caller, *, to_change: bool = False) -> Case:
    """A case with all that belongs to it.

    Args:
        to_change: nobody else changes it until the transaction ends.

    Raises:
        Refusal: case_not_found, also where it is not the caller's to see.
    """
    wanted = select(Case).where(Case.id == case_id[:64].replace("\x00", "")).options(*WHOLE)
    case = session.scalars(wanted.with_for_update(of=Case) if to_change else wanted).one_or_none()
    if case is None or (caller.role is Role.PATROL and case.key_name != caller.key_name):
        raise Refusal("case_not_found")
    return case


def add_review(
    session: Session, caller: Caller, case: Case, judgement: Judgement, problems: Sequence[str], note: str | None
) -> Review:
    """What a person said; it replaces the problems that the case has."""
    now = datetime.now(UTC)
    review = Review(
        id=str(uuid.uuid4()),
        created_at=now,
        key_name=caller.key_name,
        judgement=judgement,
        problems=list(problems),
        note=note,
    )
    case.reviews.append(review)
    before = case.status
    case.status = after_review(Status(before), judgement)
    if judgement is not Judgement.NOT_JUDGEABLE and case.status != Status.CLOSED:
        known = {problem.key: problem for problem in case.problems}
        case.problems = [known.get(key) or CaseProblem(key=key, score=case.scores.get(key, 0.0)) for key in problems]
    case.updated_at = now
    content = {"judgement": judgement, "problems": list(problems), "from": before, "to": case.status}
    record(session, caller, "case.reviewed", case_id=case.id, content=content)
    return review


def add_verification(
    session: Session,
    caller: Caller,
    card: ModelCard,
    case: Case,
    decision: VerificationDecision,
    photos: Sequence[CasePhoto],
) -> Verification:
    """What the after-photos say; it closes the case where the problem is gone."""
    now = datetime.now(UTC)
    verification = Verification(
        id=str(uuid.uuid4()),
        created_at=now,
        key_name=caller.key_name,
        outcome=decision.outcome,
        reason=decision.reason,
        scores=dict(decision.scores),
        model_version=card.version,
    )
    case.verifications.append(verification)
    session.flush()
    for photo in photos:
        photo.verification_id = verification.id
    case.photos.extend(photos)
    before = case.status
    case.status = after_verification(decision.outcome)
    case.updated_at = now
    content = {
        "outcome": decision.outcome,
        "reason": decision.reason,
        "scores": dict(decision.scores),
        "from": before,
        "to": case.status,
    }
    record(
        session,
        caller,
        "case.verified",
        case_id=case.id,
        photo_sha256s=[photo.sha256 for photo in photos],
        card=card,
        content=content,
    )
    return verification
