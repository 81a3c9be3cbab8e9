"""What is wrong with a photo itself, in words that tell patrol staff what to do."""

from collections.abc import Iterable

from pydantic import BaseModel, Field

from model.problems import Language
from model.quality import ADVICE, QualityIssue


class QualityAnswer(BaseModel):
    """Why nothing can be read from a photo, and what to do."""

    issue: QualityIssue
    advice: str = Field(description="For the person who took it", examples=["太暗，请补光或换角度重拍"])


def quality_answers(issues: Iterable[str], language: Language) -> list[QualityAnswer]:
    """Each issue with its advice."""
    known = [QualityIssue(issue) for issue in issues]
    return [QualityAnswer(issue=issue, advice=ADVICE[issue][language]) for issue in known]
