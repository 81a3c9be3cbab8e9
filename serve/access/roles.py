"""What a key is for. Every route names the roles that it takes."""

from enum import StrEnum


class Role(StrEnum):
    """One a key."""

    SYSTEM = "system"  # the urban management system: sends cases, asks for them, sends after-photos
    PATROL = "patrol"  # patrol staff: send photos and cases, see their own
    REVIEWER = "reviewer"  # people who look: see all cases and photos, say what is true
    ENGINEER = "engineer"  # retrains the model: sees cases, photos and figures, changes nothing
    ADMIN = "admin"  # keys, webhooks, audit, and all of the above


EVERYONE = frozenset(Role)
