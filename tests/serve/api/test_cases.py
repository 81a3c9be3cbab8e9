"""/v1/cases as the urban system uses it, on SQLite and PostgreSQL."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

LOCATION = {"longitude": 112.8965, "latitude": 23.1556, "crs": "gcj02"}


@pytest.fixture
def service(serve_with, database_url):
    return serve_with(database_url=database_url)


@pytest.fixture
def report(photo, form):
    """Report a case: report(service, photos, key=…, **fields)."""

    def send(service, *photos, key=None, **fields):
        files = form(*(photos or (photo(),)))
        if fields:
            files.append(("case", (None, json.dumps(fields).encode(), "application/json")))
        return service.post("/v1/cases?lang=en", files=files, headers={"Idempotency-Key": key} if key else {})

    return send


def test_a_case_is_stored_as_it_was_sent(service, report, photo):
    sent = {
        "external_id": "2026-000123",
        "location": LOCATION,
        "captured_at": "2026-11-25T08:30:00+08:00",
        "reporter": "王 12",
        "grid": "440607001012",
    }

    answer = report(service, photo(), photo(400, 300), **sent)

    assert answer.status_code == 201
    case = answer.json()
    assert {name: case[name] for name in sent} == sent | {"captured_at": "2026-11-25T00:30:00Z"}
    assert [(seen["number"], seen["width"], seen["height"]) for seen in case["photos"]] == [
        (1, 320, 240),
        (2, 400, 300),
    ]
    assert set(case["scores"]) == set(case["photos"][0]["scores"])
    for key, score in case["scores"].items():  # two looks at one place: their mean
        first, second = (seen["scores"][key] for seen in case["photos"])
        assert min(first, second) <= score <= max(first, second)
    assert service.get(f"/v1/cases/{case['id']}?lang=en").json() == case


def test_a_case_of_dark_photos_is_for_a_person_and_keeps_why(service, report, dark_photo):
    case = report(service, dark_photo).json()

    assert (case["verdict"], case["status"], case["problems"]) == ("review", "in_review", [])
    advice = "Too dark: take it again with more light or from another side"
    assert case["photos"][0]["quality"] == [{"issue": "too_dark", "advice": advice}]
    assert service.get(f"/v1/cases/{case['id']}?lang=en").json() == case
    in_chinese = service.get(f"/v1/cases/{case['id']}").json()
    assert in_chinese["photos"][0]["quality"][0]["advice"] == "太暗，请补光或换角度重拍"
    (entry,) = service.get("/v1/audit").json()["entries"]
    assert (entry["content"]["verdict"], entry["content"]["quality"]) == ("review", ["too_dark"])


def test_a_dark_photo_counts_for_nothing_beside_a_usable_one(service, report, photo, dark_photo):
    alone, together = report(service, photo()).json(), report(service, dark_photo, photo()).json()

    assert together["scores"] == alone["scores"]
    # what the dark photo might show is not ruled out by one that shows nothing
    assert together["verdict"] == ("review" if alone["verdict"] == "no_problem" else alone["verdict"])
    assert [len(seen["quality"]) for seen in together["photos"]] == [1, 0]


@pytest.mark.parametrize(
    ("verdict", "status"), [("problem", "established"), ("review", "in_review"), ("no_problem", "dismissed")]
)
def test_the_verdict_decides_where_a_case_begins(serve_with, says, report, verdict, status):
    case = report(serve_with(says(verdict))).json()

    assert (case["verdict"], case["status"]) == (verdict, status)


def test_all_fields_are_optional_and_a_raw_photo_is_a_case(service, photo):
    answer = service.post("/v1/cases", content=photo(), headers={"Content-Type": "image/jpeg"})

    case = answer.json()
    assert answer.status_code == 201
    assert [case[name] for name in ("external_id", "location", "captured_at", "reporter", "grid")] == [None] * 5


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"location": LOCATION | {"longitude": 181}}, "location.longitude"),
        ({"location": LOCATION | {"crs": "bd09"}}, "location.crs"),
        ({"location": {"longitude": 1, "latitude": 2}}, "location.crs"),
        ({"captured_at": "2026-11-25T08:30:00"}, "captured_at"),
        ({"external_id": ""}, "external_id"),
        ({"external_id": "x" * 201}, "external_id"),
        ({"reporter": "a\x00b"}, "reporter"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_field_is_named(client, report, fields, named):
    answer = report(client, **fields)

    assert (answer.status_code, answer.json()["code"]) == (422, "case_fields_invalid")
    assert named in answer.json()["detail"]


@pytest.mark.parametrize(
    "text",
    [b"{", b"[]", b"null", b'{"location": {"longitude": NaN}}', b"\xff", b'{"a":' * 5000, b'{"grid": "\\ud800"}'],
)
def test_what_is_no_json_is_refused(client, photo, form, text):
    files = [*form(photo()), ("case", (None, text, "application/json"))]

    answer = client.post("/v1/cases", files=files)

    assert (answer.status_code, answer.json()["code"]) in [(422, "case_fields_invalid"), (400, "multipart_invalid")]


def test_a_photo_that_cannot_be_used_refuses_the_case_and_is_named(service, report, photo):
    answer = report(service, photo(), b"no photo")

    assert (answer.status_code, answer.json()["photo"]) == (415, 1)
    assert service.get("/v1/cases").json() == {"cases": [], "next_cursor": None}


@pytest.mark.parametrize("case_id", ["x", "%00", "0" * 500, "2f3b0a52-0000-4000-8000-000000000000"])
def test_a_case_that_does_not_exist_is_not_found(service, case_id):
    answer = service.get(f"/v1/cases/{case_id}")

    assert (answer.status_code, answer.json()["code"]) == (404, "case_not_found")


# ---- lists ----


def test_lists_are_paged_newest_first_and_nothing_is_seen_twice(service, report):
    ids = [report(service, external_id=str(number)).json()["id"] for number in range(5)]

    seen, cursor = [], None
    while True:
        page = service.get("/v1/cases", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [case["id"] for case in page["cases"]]
        if len(seen) == 2:
            report(service, external_id="later")  # moves nothing
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == ids[::-1]


def test_lists_are_filtered(serve_with, database_url, says, report):
    service = serve_with(says("problem"), database_url=database_url)
    first = report(service, external_id="a", grid="g1").json()
    second = report(service, external_id="b", grid="g2").json()

    def ids(**parameters):
        return [case["id"] for case in service.get("/v1/cases", params=parameters).json()["cases"]]

    assert ids(grid="g1") == ids(external_id="a") == ids(until=second["created_at"]) == [first["id"]]
    assert ids(since=second["created_at"]) == [second["id"]]
    assert ids(status="established", verdict="problem", problem="road_damage") == [second["id"], first["id"]]
    assert ids(status="closed") == ids(problem="graffiti") == ids(grid="g3") == []


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"cursor": "nonsense"}, "cursor_invalid"),
        ({"cursor": "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OSB4"}, "cursor_invalid"),
        ({"limit": "0"}, "invalid_parameter"),
        ({"limit": "201"}, "invalid_parameter"),
        ({"status": "gone"}, "invalid_parameter"),
        ({"since": "yesterday"}, "invalid_parameter"),
        ({"since": "2026-11-25T00:00:00"}, "invalid_parameter"),
        ({"grid": "a\x00"}, "invalid_parameter"),
        ({"standard": "gbt-1"}, "unknown_standard"),
    ],
)
def test_a_wrong_parameter_of_a_list_is_refused(client, parameters, code):
    answer = client.get("/v1/cases", params=parameters)

    assert (answer.status_code, answer.json()["code"]) == (422, code)


# ---- sent again ----


def test_a_repeated_request_gets_the_same_answer_and_is_carried_out_once(serve_with, database_url, report, photo):
    first = report(serve_with(database_url=database_url), photo(), key="k1", external_id="a")
    again = report(serve_with(database_url=database_url), photo(), key="k1", external_id="a")  # after a restart

    assert (first.status_code, "idempotent-replayed" in first.headers) == (201, False)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert again.json() == first.json()
    service = serve_with(database_url=database_url)
    assert len(service.get("/v1/cases").json()["cases"]) == 1
    assert len(service.get("/v1/audit").json()["entries"]) == 1


@pytest.mark.parametrize("other", ["photo", "field"])
def test_a_key_that_came_with_something_else_is_refused(service, report, photo, other):
    report(service, photo(), key="k1", external_id="a")

    again = report(
        service,
        photo(400, 300) if other == "photo" else photo(),
        key="k1",
        external_id="b" if other == "field" else "a",
    )

    assert (again.status_code, again.json()["code"]) == (422, "idempotency_key_reused")
    assert len(service.get("/v1/cases").json()["cases"]) == 1


def test_of_two_at_once_one_is_carried_out_and_both_are_answered(serve_with, database_url, patient, report, photo):
    service = serve_with(patient, database_url=database_url)
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(report, service, photo(), key="k1") for _ in range(2)]
        while patient.started < 2:
            threading.Event().wait(0.01)
        patient.let_go.set()
        answers = [sent.result() for sent in both]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert len(service.get("/v1/cases").json()["cases"]) == 1


@pytest.mark.parametrize("key", ["", "a b", "ü", "x" * 256])
def test_an_invalid_key_is_refused(client, photo, key):
    headers = {b"Content-Type": b"image/jpeg", b"Idempotency-Key": key.encode("latin-1")}

    answer = client.post("/v1/cases", content=photo(), headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")


# ---- reported before ----


def duplicates(answer):
    return [(found["case_id"], found["reason"]) for found in answer.json()["duplicates"]]


def test_the_same_photo_is_pointed_out_and_stays_a_case_of_its_own(service, report, photo):
    first = report(service, photo(), external_id="a")
    second = report(service, photo(400, 300), photo(), external_id="b")

    assert duplicates(first) == []
    assert duplicates(second) == [(first.json()["id"], "same_photo")]
    assert len(service.get("/v1/cases").json()["cases"]) == 2


@pytest.mark.parametrize(
    ("meters_north", "crs", "found"),
    [(60, "gcj02", True), (140, "gcj02", False), (0, "wgs84", False)],
    ids=["near", "too far", "another reference system"],
)
def test_a_photo_that_looks_alike_counts_near_the_same_place(service, report, photo, meters_north, crs, found):
    first = report(service, photo(), location=LOCATION)
    there = {"longitude": LOCATION["longitude"], "latitude": LOCATION["latitude"] + meters_north / 111_320, "crs": crs}

    second = report(service, photo(quality=40), location=there)

    assert duplicates(second) == ([(first.json()["id"], "alike_photo")] if found else [])


def test_photos_that_look_alike_without_a_place_are_not_pointed_out(service, report, photo):
    report(service, photo())

    assert duplicates(report(service, photo(quality=40))) == []


def test_the_same_number_of_the_sender_is_pointed_out(service, report, photo):
    first = report(service, photo(), external_id="a")

    assert duplicates(report(service, photo(400, 300), external_id="a")) == [(first.json()["id"], "same_external_id")]


# ---- photos ----


def test_a_kept_photo_can_be_seen_and_has_no_metadata(serve_with, database_url, report, photo):
    service = serve_with(database_url=database_url, keep_photos="always")
    exif = Image.Exif()
    exif[0x010F] = "Maker of the phone"
    case = report(service, photo(exif=exif)).json()

    answer = service.get(f"/v1/cases/{case['id']}/photos/1")

    assert case["photos"][0]["kept"]
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("image/jpeg", "private, no-store")
    assert answer.content.startswith(b"\xff\xd8")
    assert b"Exif" not in answer.content and b"Maker" not in answer.content


def test_a_kept_photo_that_is_lost_is_not_found_and_the_operator_is_told(serve_with, report, tmp_path, caplog):
    service = serve_with(keep_photos="always")
    case = report(service).json()
    for path in (tmp_path / "photos").rglob("*"):
        if path.is_file():
            path.unlink()

    answer = service.get(f"/v1/cases/{case['id']}/photos/1")

    assert (answer.status_code, answer.json()["code"]) == (404, "photo_not_kept")
    assert f"a kept photo of case {case['id']} is lost" in caplog.text


@pytest.mark.parametrize("number", ["0", "1", "2", "-1", "99999999999999999999"])
def test_a_photo_that_is_not_kept_is_not_found(serve_with, report, number):
    service = serve_with(keep_photos="never")
    case = report(service).json()

    answer = service.get(f"/v1/cases/{case['id']}/photos/{number}")

    assert (answer.status_code, answer.json()["code"]) == (404, "photo_not_kept")
