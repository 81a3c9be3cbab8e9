"""What is sent of a case and what is answered about one, field by field."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from model.decision import Outcome, Reason, Verdict
from serve.api.classify import FoundProblem, ModelName
from serve.api.quality import QualityAnswer
from serve.cases.workflow import Judgement, Status


def _without_nul(text: str) -> str:
    if "\x00" in text:  # PostgreSQL cannot store it
        raise ValueError("holds a NUL character")
    return text


Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$"), AfterValidator(_without_nul)]
Note = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*$"), AfterValidator(_without_nul)]


class Crs(StrEnum):
    """Coordinate reference system: the standard uses CGCS2000, phones give WGS84, Chinese map SDKs GCJ-02."""

    WGS84 = "wgs84"
    GCJ02 = "gcj02"
    CGCS2000 = "cgcs2000"


class Location(BaseModel):
    """A point with the system it is given in; stored as it came, never converted."""

    model_config = ConfigDict(extra="forbid")

    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False, examples=[112.8965])
    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False, examples=[23.1556])
    crs: Crs


class ReportFields(BaseModel):
    """What is sent beside the photos of a case, as JSON in the part `case`. All of it is optional."""

    model_config = ConfigDict(extra="forbid")

    external_id: Text | None = Field(default=None, description="The sender's own number of the case")
    location: Location | None = None
    captured_at: AwareDatetime | None = Field(default=None, description="When the photos were taken, with time zone")
    reporter: Text | None = Field(default=None, description="Who reports, as the sender names people")
    grid: Text | None = Field(default=None, description="单元网格 · The grid cell", examples=["440607001012"])


class ReviewFields(BaseModel):
    """What a person says of a case."""

    model_config = ConfigDict(extra="forbid")

    judgement: Judgement
    problems: list[Annotated[str, Field(max_length=64)]] = Field(
        default=[], max_length=20, description="Keys; exactly when judgement is problems"
    )
    note: Note | None = None

    @model_validator(mode="after")
    def _problems_with_their_judgement(self) -> Self:
        if bool(self.problems) != (self.judgement is Judgement.PROBLEMS):
            raise ValueError("problems are named exactly when judgement is 'problems'")
        if len(set(self.problems)) != len(self.problems):
            raise ValueError("a problem is named twice")
        return self


class CasePhotoAnswer(BaseModel):
    """What is said of one photo of a case."""

    number: int = Field(description="Within the case, from 1; after-photos go on counting")
    sha256: str = Field(description="Of the file as it was sent")
    width: int
    height: int
    verdict: Verdict
    problems: list[str]
    scores: dict[str, float]
    quality: list[QualityAnswer] = Field(  # a repeated answer of an earlier version has none
        default=[], description="Why the photo does not count, and what to do; empty if it does"
    )
    kept: bool = Field(description="Whether a copy can be had at /v1/cases/{id}/photos/{number}")


class DuplicateReason(StrEnum):
    """Why two cases seem to report the same thing."""

    SAME_PHOTO = "same_photo"  # the same file
    ALIKE_PHOTO = "alike_photo"  # looks the same, taken near the same place
    SAME_EXTERNAL_ID = "same_external_id"


class DuplicateAnswer(BaseModel):
    """An earlier case that seems to report the same thing."""

    case_id: str
    reason: DuplicateReason


class VerificationAnswer(BaseModel):
    """One check whether the problem is gone."""

    id: str
    created_at: datetime
    outcome: Outcome
    reason: Reason
    reason_text: str = Field(description="The reason for people")
    scores: dict[str, float] = Field(description="Highest score of each problem among the after-photos")
    photos: list[int] = Field(description="Numbers of the after-photos")


class ReviewAnswer(BaseModel):
    """What a person said of the case."""

    id: str
    created_at: datetime
    judgement: Judgement
    problems: list[str]
    note: str | None


class CaseRecord(BaseModel):
    """A case as it is now."""

    id: str
    status: Status = Field(description="in_review 待复核, established 已立案, dismissed 已注销, closed 已结案")
    verdict: Verdict = Field(description="Of the machine, when the case was reported")
    created_at: datetime
    updated_at: datetime
    external_id: str | None
    location: Location | None
    captured_at: datetime | None
    reporter: str | None
    grid: str | None
    model: ModelName = Field(description="Which model answered when the case was reported")
    problems: list[FoundProblem] = Field(description="What the case has now: a review replaces what the machine found")
    scores: dict[str, float] = Field(description="Of the machine, when the case was reported")
    photos: list[CasePhotoAnswer]
    duplicates: list[DuplicateAnswer]
    verifications: list[VerificationAnswer]
    reviews: list[ReviewAnswer]


class CaseList(BaseModel):
    """One page of cases."""

    cases: list[CaseRecord] = Field(description="Newest first")
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one")
