"""How a case moves: 上报 → 立案 or 注销 → 核查 → 结案.

    report ──► in_review ──► established ──► closed
                   │   ▲          │  ▲          │
                   ▼   └─ none ───▼  └ problems ┘
                dismissed ◄───────┘

A person's review has the last word: it may establish what the machine dismissed, dismiss what it established, and
re-open a case that was closed too early.
"""

from enum import StrEnum

from model.decision import Outcome, Verdict
from serve.refusals import Refusal


class Status(StrEnum):
    """Where a case stands."""

    IN_REVIEW = "in_review"  # 待复核: a person should look
    ESTABLISHED = "established"  # 已立案: the problem is there
    DISMISSED = "dismissed"  # 已注销: no problem, or not to be judged
    CLOSED = "closed"  # 已结案: it was there and is gone


class Judgement(StrEnum):
    """What a person says of a case."""

    PROBLEMS = "problems"  # these problems are there
    NONE = "none"  # none of them is
    NOT_JUDGEABLE = "not_judgeable"  # the photos cannot tell


_AFTER_REPORT = {
    Verdict.PROBLEM: Status.ESTABLISHED,
    Verdict.REVIEW: Status.IN_REVIEW,
    Verdict.NO_PROBLEM: Status.DISMISSED,
}


def after_report(verdict: Verdict) -> Status:
    """Where a new case stands."""
    return _AFTER_REPORT[verdict]


def after_review(status: Status, judgement: Judgement) -> Status:
    """Where a case stands once a person has looked: always legal."""
    if judgement is Judgement.PROBLEMS:
        return Status.ESTABLISHED
    return Status.CLOSED if status is Status.CLOSED else Status.DISMISSED


def check_may_verify(status: Status) -> None:
    """Only an established problem can be gone.

    Raises:
        Refusal: illegal_move.
    """
    if status is not Status.ESTABLISHED:
        raise Refusal("illegal_move", move="verify", status=status, legal_from=Status.ESTABLISHED)


def after_verification(outcome: Outcome) -> Status:
    """Where an established case stands after a check."""
    return Status.CLOSED if outcome is Outcome.RESOLVED else Status.ESTABLISHED
