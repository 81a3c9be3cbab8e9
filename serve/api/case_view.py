"""How a case is shown: its rows → the answer in a language and with the codes of a standard."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from model.decision import Outcome, Reason, Verdict
from model.problems import Language
from serve.api.case_answers import (
    CasePhotoAnswer,
    CaseRecord,
    Crs,
    DuplicateAnswer,
    DuplicateReason,
    Location,
    ReviewAnswer,
    VerificationAnswer,
)
from serve.api.classify import DECIMALS, ModelName, code_table_of, found_problems
from serve.api.quality import quality_answers
from serve.cases.workflow import Judgement, Status
from serve.district import DistrictCodeTable
from serve.service import Service, service_of
from serve.tables import Case, CasePhoto, Verification

_REASONS: Mapping[Reason, Mapping[Language, str]] = {
    Reason.PROBLEM_GONE: {"zh": "问题已不可见", "en": "The problem is no longer seen"},
    Reason.PROBLEM_FOUND: {"zh": "问题仍然可见", "en": "The problem is still seen"},
    Reason.SCORE_BETWEEN_THRESHOLDS: {
        "zh": "照片不能确定问题是否消除，请人工核查",
        "en": "The photos leave it open; a person should look",
    },
    Reason.PROBLEM_NOT_SCORED: {
        "zh": "当前模型不识别该问题，请人工核查",
        "en": "The model in use does not know this problem; a person should look",
    },
    Reason.PHOTOS_UNUSABLE: {
        "zh": "凭照片无法判断，请按每张照片的提示重拍",
        "en": "The photos show too little; take them again as each photo's advice says",
    },
    Reason.OTHER_PLACE: {
        "zh": "照片与上报照片不像同类地点，请在原地点重拍",
        "en": "The photos do not seem to show such a place as was reported; take them there",
    },
    Reason.NOTHING_TO_COMPARE: {
        "zh": "没有可比较的上报照片，请人工核查",
        "en": "There is nothing to compare with; a person should look",
    },
}


@dataclass(frozen=True, kw_only=True)
class View:
    """In which words a request wants its answer."""

    service: Service
    code_table: DistrictCodeTable
    language: Language

    def show(self, case: Case) -> CaseRecord:
        """The case as it is now."""
        numbers = {photo.id: number for number, photo in enumerate(case.photos, start=1)}
        location = None
        if case.longitude is not None and case.latitude is not None and case.crs is not None:
            location = Location(longitude=case.longitude, latitude=case.latitude, crs=Crs(case.crs))
        known = {problem.key: problem.score for problem in case.problems if problem.key in self.service.problems}
        return CaseRecord(
            id=case.id,
            status=Status(case.status),
            verdict=Verdict(case.verdict),
            created_at=case.created_at,
            updated_at=case.updated_at,
            external_id=case.external_id,
            location=location,
            captured_at=case.captured_at,
            reporter=case.reporter,
            grid=case.grid,
            model=ModelName(name=case.model_name, version=case.model_version),
            problems=found_problems(known, self.service, self.code_table, self.language),
            scores=_rounded(case.scores),
            photos=[_photo(photo, numbers[photo.id], self.language) for photo in case.photos],
            duplicates=[
                DuplicateAnswer(case_id=other.earlier_id, reason=DuplicateReason(other.reason))
                for other in case.duplicates
            ],
            verifications=[self._verification(check, case, numbers) for check in case.verifications],
            reviews=[
                ReviewAnswer(
                    id=review.id,
                    created_at=review.created_at,
                    judgement=Judgement(review.judgement),
                    problems=review.problems,
                    note=review.note,
                )
                for review in case.reviews
            ],
        )

    def _verification(self, check: Verification, case: Case, numbers: Mapping[int, int]) -> VerificationAnswer:
        reason = Reason(check.reason)
        return VerificationAnswer(
            id=check.id,
            created_at=check.created_at,
            outcome=Outcome(check.outcome),
            reason=reason,
            reason_text=_REASONS[reason][self.language],
            scores=_rounded(check.scores),
            photos=[numbers[photo.id] for photo in case.photos if photo.verification_id == check.id],
        )


def view_of(request: Request, standard: str | None, language: Language | None) -> View:
    """What the parameters `standard` and `lang` ask for.

    Raises:
        Refusal: unknown_standard.
    """
    service = service_of(request)
    code_table = code_table_of(service, standard)
    return View(service=service, code_table=code_table, language=language or service.settings.language)


def summary(case: CaseRecord) -> dict[str, Any]:
    """What a webhook tells of a case: enough to find it and to decide whether to ask for all of it."""
    return {
        "case_id": case.id,
        "external_id": case.external_id,
        "status": case.status,
        "verdict": case.verdict,
        "problems": [problem.key for problem in case.problems],
    }


def _photo(photo: CasePhoto, number: int, language: Language) -> CasePhotoAnswer:
    return CasePhotoAnswer(
        number=number,
        sha256=photo.sha256,
        width=photo.width,
        height=photo.height,
        verdict=Verdict(photo.verdict),
        problems=photo.problems,
        scores=_rounded(photo.scores),
        quality=quality_answers(photo.quality, language),
        kept=photo.kept_sha256 is not None,
    )


def _rounded(scores: Mapping[str, float]) -> dict[str, float]:
    return {key: round(score, DECIMALS) for key, score in scores.items()}
