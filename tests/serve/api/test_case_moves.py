"""/v1/cases/{id}/review and /verify: every move of a case, legal and illegal, on SQLite and PostgreSQL."""

import numpy as np
import pytest

from model.decision import Outcome, Reason, VerificationDecision
from serve.cases.workflow import Judgement, Status, after_review, after_verification, check_may_verify
from serve.refusals import Refusal

REVIEWS = {
    "problems": {"judgement": "problems", "problems": ["graffiti"]},
    "none": {"judgement": "none"},
    "not_judgeable": {"judgement": "not_judgeable", "note": "太暗"},
}


@pytest.mark.parametrize(
    ("status", "judgement", "then"),
    [
        ("in_review", "problems", "established"),
        ("in_review", "none", "dismissed"),
        ("in_review", "not_judgeable", "dismissed"),
        ("established", "problems", "established"),
        ("established", "none", "dismissed"),
        ("established", "not_judgeable", "dismissed"),
        ("dismissed", "problems", "established"),
        ("dismissed", "none", "dismissed"),
        ("dismissed", "not_judgeable", "dismissed"),
        ("closed", "problems", "established"),
        ("closed", "none", "closed"),
        ("closed", "not_judgeable", "closed"),
    ],
)
def test_where_a_review_leads(status, judgement, then):
    assert after_review(Status(status), Judgement(judgement)) is Status(then)


@pytest.mark.parametrize(
    ("outcome", "then"), [("resolved", "closed"), ("still_present", "established"), ("cannot_tell", "established")]
)
def test_where_a_check_leads(outcome, then):
    assert after_verification(Outcome(outcome)) is Status(then)


@pytest.mark.parametrize("status", ["in_review", "dismissed", "closed"])
def test_only_an_established_case_can_be_checked(status):
    check_may_verify(Status.ESTABLISHED)
    with pytest.raises(Refusal, match="illegal_move"):
        check_may_verify(Status(status))


@pytest.fixture
def service(serve_with, database_url, says):
    """Every photo shows road damage, so each case is established."""
    return serve_with(says("problem"), database_url=database_url)


@pytest.fixture
def case(service, photo, form):
    return service.post("/v1/cases", files=form(photo())).json()


def verify(service, case, form, *photos, key=None):
    headers = {"Idempotency-Key": key} if key else {}
    return service.post(f"/v1/cases/{case['id']}/verify?lang=en", files=form(*photos), headers=headers)


@pytest.mark.parametrize("judgement", REVIEWS)
def test_a_review_is_stored_with_its_words_and_changes_what_the_case_has(service, case, judgement):
    answer = service.post(f"/v1/cases/{case['id']}/review", json=REVIEWS[judgement])

    reviewed = answer.json()
    (review,) = reviewed["reviews"]
    assert answer.status_code == 200
    assert (review["judgement"], review["problems"]) == (judgement, REVIEWS[judgement].get("problems", []))
    assert review["note"] == REVIEWS[judgement].get("note")
    expected = {"problems": ["graffiti"], "none": [], "not_judgeable": ["road_damage"]}[judgement]
    assert [problem["key"] for problem in reviewed["problems"]] == expected
    assert reviewed["verdict"] == "problem"  # what the machine said is never rewritten
    assert reviewed["updated_at"] > case["updated_at"]
    assert service.get(f"/v1/cases/{case['id']}").json() == reviewed


def test_several_reviews_stay_all_there(service, case):
    for fields in REVIEWS.values():
        reviewed = service.post(f"/v1/cases/{case['id']}/review", json=fields).json()

    assert [review["judgement"] for review in reviewed["reviews"]] == list(REVIEWS)
    assert reviewed["status"] == "dismissed"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"judgement": "problems"}, "invalid_parameter"),
        ({"judgement": "problems", "problems": []}, "invalid_parameter"),
        ({"judgement": "none", "problems": ["graffiti"]}, "invalid_parameter"),
        ({"judgement": "problems", "problems": ["graffiti", "graffiti"]}, "invalid_parameter"),
        ({"judgement": "problems", "problems": ["smoke"]}, "unknown_problem"),
        ({"judgement": "maybe"}, "invalid_parameter"),
        ({"judgement": "none", "note": "a\x00"}, "invalid_parameter"),
        ({"judgement": "none", "by": "me"}, "invalid_parameter"),
        ([], "invalid_parameter"),
    ],
)
def test_a_review_that_says_nothing_is_refused(client, fields, code):
    answer = client.post("/v1/cases/x/review", json=fields)

    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_photos_that_still_show_it_leave_the_case_open(service, case, photo, form):
    checked = verify(service, case, form, photo(400, 300), photo(480, 300)).json()

    (check,) = checked["verifications"]
    assert (checked["status"], check["outcome"], check["reason"]) == ("established", "still_present", "problem_found")
    assert check["reason_text"] == "The problem is still seen"
    assert check["photos"] == [2, 3]
    assert [seen["number"] for seen in checked["photos"]] == [1, 2, 3]


def test_a_problem_that_is_gone_closes_the_case_and_a_person_can_open_it_again(
    serve_with, database_url, says, monkeypatch, photo, form
):
    gone = VerificationDecision(outcome=Outcome.RESOLVED, reason=Reason.PROBLEM_GONE, scores={}, places=())
    monkeypatch.setattr("serve.api.case_moves.decide_verification", lambda *_, **__: gone)
    service = serve_with(says("problem"), database_url=database_url)
    case = service.post("/v1/cases", files=form(photo())).json()

    closed = verify(service, case, form, photo()).json()
    again = verify(service, case, form, photo())
    reopened = service.post(f"/v1/cases/{case['id']}/review", json=REVIEWS["problems"]).json()

    assert (closed["status"], closed["verifications"][0]["outcome"]) == ("closed", "resolved")
    assert (again.status_code, again.json()["code"]) == (409, "illegal_move")
    assert "closed" in again.json()["detail"]
    assert reopened["status"] == "established"


def test_what_was_compared_is_what_the_report_and_the_check_showed(
    serve_with, database_url, says, monkeypatch, photo, form
):
    asked = []

    def decide(problems, before, after, card, *, before_fingerprint):
        asked.append((problems, before, after, before_fingerprint == card.fingerprint()))
        return VerificationDecision(outcome=Outcome.CANNOT_TELL, reason=Reason.OTHER_PLACE, scores={}, places=())

    monkeypatch.setattr("serve.api.case_moves.decide_verification", decide)
    service = serve_with(says("problem"), database_url=database_url)
    case = service.post("/v1/cases", files=form(photo(), photo(400, 300))).json()
    verify(service, case, form, photo())
    verify(service, case, form, photo(), photo())

    assert [(len(before), len(after)) for _, before, after, _ in asked] == [(2, 1), (2, 2)]
    for problems, before, after, same_model in asked:
        assert problems == ["road_damage"]
        assert same_model
        assert all(seen.decision.problems == ("road_damage",) for seen in after)
        assert all(features is None or features.dtype == np.float16 for features in before)


def test_dark_after_photos_never_close_a_case(serve_with, database_url, colour_classifier, photo, dark_photo, form):
    service = serve_with(colour_classifier, database_url=database_url)
    case = service.post("/v1/cases", files=form(photo())).json()
    service.post(f"/v1/cases/{case['id']}/review", json=REVIEWS["problems"])

    checked = verify(service, case, form, dark_photo).json()

    (check,) = checked["verifications"]
    assert (checked["status"], check["outcome"], check["reason"]) == ("established", "cannot_tell", "photos_unusable")
    assert check["reason_text"] == "The photos show too little; take them again as each photo's advice says"
    assert checked["photos"][1]["quality"][0]["issue"] == "too_dark"


def test_a_dark_photo_of_the_report_is_nothing_to_compare_with(
    serve_with, classifier, monkeypatch, photo, dark_photo, form
):
    asked = []

    def decide(problems, before, after, card, *, before_fingerprint):
        asked.append(len(before))
        return VerificationDecision(outcome=Outcome.CANNOT_TELL, reason=Reason.OTHER_PLACE, scores={}, places=())

    monkeypatch.setattr("serve.api.case_moves.decide_verification", decide)
    service = serve_with(classifier)
    case = service.post("/v1/cases", files=form(photo(), dark_photo)).json()
    service.post(f"/v1/cases/{case['id']}/review", json=REVIEWS["problems"])

    verify(service, case, form, photo())

    assert asked == [1]


def test_a_check_that_is_repeated_is_carried_out_once(service, case, photo, form):
    first = verify(service, case, form, photo(), key="v1")
    again = verify(service, case, form, photo(), key="v1")

    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert len(service.get(f"/v1/cases/{case['id']}").json()["verifications"]) == 1


def test_a_key_belongs_to_one_route(service, case, photo, form):
    verify(service, case, form, photo(), key="k")
    answer = service.post(f"/v1/cases/{case['id']}/review", json=REVIEWS["none"], headers={"Idempotency-Key": "k"})

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("path", ["verify", "review"])
def test_a_case_that_does_not_exist_cannot_move(client, photo, form, path):
    sent = {"files": form(photo())} if path == "verify" else {"json": REVIEWS["none"]}

    answer = client.post(f"/v1/cases/x/{path}", **sent)

    assert (answer.status_code, answer.json()["code"]) == (404, "case_not_found")


def test_every_move_is_in_the_audit_log(service, case, photo, form):
    verify(service, case, form, photo(400, 300))
    service.post(f"/v1/cases/{case['id']}/review", json=REVIEWS["none"])

    entries = service.get("/v1/audit", params={"case_id": case["id"]}).json()["entries"]

    assert [entry["action"] for entry in entries] == ["case.reviewed", "case.verified", "case.created"]
    reviewed, verified, created = entries
    assert (reviewed["content"]["from"], reviewed["content"]["to"]) == ("established", "dismissed")
    assert verified["content"]["outcome"] == "still_present"
    assert created["photo_sha256s"] == [case["photos"][0]["sha256"]]
    assert created["content"]["scores"]["road_damage"] == pytest.approx(case["scores"]["road_damage"], abs=1e-4)
    assert created["model_version"] == case["model"]["version"]
    assert {entry["key_name"] for entry in entries} == {"local"}


def test_the_audit_log_is_paged_and_filtered(service, photo, form):
    ids = [service.post("/v1/cases", files=form(photo(300 + number))).json()["id"] for number in range(3)]

    first = service.get("/v1/audit", params={"limit": 2}).json()
    rest = service.get("/v1/audit", params={"limit": 2, "cursor": first["next_cursor"]}).json()

    assert [entry["case_id"] for entry in first["entries"] + rest["entries"]] == ids[::-1]
    assert rest["next_cursor"] is None
    assert service.get("/v1/audit", params={"action": "case.verified"}).json()["entries"] == []
    assert [service.delete("/v1/audit").status_code, service.put("/v1/audit").status_code] == [405, 405]


def test_patrol_staff_see_their_own_cases_alone(serve_with, says, sent_by, photo, form):
    service = serve_with(says("problem"), require_keys=True)
    own, other = sent_by("patrol", name="one"), sent_by("patrol", name="another")
    case = service.post("/v1/cases", files=form(photo()), headers=own).json()

    answers = [
        service.get(f"/v1/cases/{case['id']}", headers=other),
        service.get(f"/v1/cases/{case['id']}/photos/1", headers=other),
        service.post(f"/v1/cases/{case['id']}/verify", files=form(photo()), headers=other),
    ]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "case_not_found")}
    assert service.get("/v1/cases", headers=other).json()["cases"] == []
    assert [seen["id"] for seen in service.get("/v1/cases", headers=own).json()["cases"]] == [case["id"]]
    assert service.get(f"/v1/cases/{case['id']}", headers=own).status_code == 200
    assert service.get(f"/v1/cases/{case['id']}", headers=sent_by("reviewer")).status_code == 200
