"""Which earlier cases seem to report the same thing. They are pointed out, never merged: a person decides.

The same file counts wherever it was taken; photos that only look alike count near the same place, since the cosine of
two signatures tells copies and re-takes of one scene, not one street from another.
"""

import math
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session

from model.likeness import ALIKE
from serve.tables import Case, CasePhoto

METERS_PER_DEGREE = 111_320  # of latitude, on the mean sphere
MOST_COMPARED = 500  # photos near one place; the latest ones
MOST_NAMED = 20  # of one reason


def find_duplicates(
    session: Session, case: Case, photos: Sequence[CasePhoto], *, days: float, meters: float
) -> dict[str, str]:
    """Ids of earlier cases, each with its strongest reason.

    Args:
        case, photos: the new case, not yet added.
        days: how far back to look.
        meters: how far away an alike photo may have been taken.
    """
    earlier = Case.created_at >= case.created_at - timedelta(days=days)
    latest = Case.created_at.desc()
    found: dict[str, str] = {}

    hashes = {photo.sha256 for photo in photos}
    same_photo = (
        select(Case.id).join(CasePhoto, CasePhoto.case_id == Case.id).where(earlier, CasePhoto.sha256.in_(hashes))
    )
    for case_id in session.scalars(same_photo.order_by(latest).limit(MOST_NAMED)):
        found.setdefault(case_id, "same_photo")
    for case_id in _alike(session, case, photos, days, meters):
        found.setdefault(case_id, "alike_photo")
    if case.external_id is not None:
        same_number = select(Case.id).where(earlier, Case.external_id == case.external_id)
        for case_id in session.scalars(same_number.order_by(latest).limit(MOST_NAMED)):
            found.setdefault(case_id, "same_external_id")
    return found


def pack_array(array: npt.NDArray[np.floating] | None) -> bytes | None:
    """float16 bytes: half of float32, and a cosine moves by less than 0.001."""
    return None if array is None else array.astype(np.float16).tobytes()


def unpack_array(packed: bytes) -> npt.NDArray[np.float32]:
    """What `pack_array` packed, as float32."""
    return np.frombuffer(packed, dtype=np.float16).astype(np.float32)


def _alike(session: Session, case: Case, photos: Sequence[CasePhoto], days: float, meters: float) -> list[str]:
    signatures = [unpack_array(photo.signature) for photo in photos if photo.signature is not None]
    if case.latitude is None or case.longitude is None or not signatures:
        return []
    height = meters / METERS_PER_DEGREE
    width = height / max(0.01, math.cos(math.radians(case.latitude)))
    near = (
        select(Case.id, Case.latitude, Case.longitude, CasePhoto.signature)
        .join(CasePhoto, CasePhoto.case_id == Case.id)
        .where(
            Case.created_at >= case.created_at - timedelta(days=days),
            Case.crs == case.crs,
            Case.latitude.between(case.latitude - height, case.latitude + height),
            Case.longitude.between(case.longitude - width, case.longitude + width),
            CasePhoto.verification_id.is_(None),
            CasePhoto.signature.is_not(None),
        )
        .order_by(Case.created_at.desc())
        .limit(MOST_COMPARED)
    )
    ours = np.stack(signatures)
    found: dict[str, None] = {}
    for case_id, latitude, longitude, signature in session.execute(near):
        if latitude is None or longitude is None or signature is None:
            continue  # the conditions above leave none
        north, east = (latitude - case.latitude) / height, (longitude - case.longitude) / width
        if north * north + east * east <= 1 and np.max(ours @ unpack_array(signature)) >= ALIKE:
            found[case_id] = None
    return list(found)[:MOST_NAMED]
