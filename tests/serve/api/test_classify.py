"""POST /v1/classify as a client sees it: answers, and what each kind of bad request is told."""

import hashlib
import io
import struct
import threading
import time
import zlib

import httpx
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from model.classifier import RELEASED_FOLDER, ClassifiedPhoto, Classifier
from tests.colour_model import draw_quarters

URL = "/v1/classify"
JPEG = {"Content-Type": "image/jpeg"}


def png_header(width, height):
    """A PNG that announces its dimensions and holds nothing else."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + b"\x00"
    chunks = [struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (body, data)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def refused(answer, status, code, photo=None):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["code"], body["status"], body.get("photo")) == (code, status, photo)
    assert body["type"] == f"urn:xuntu:refusal:{code}"
    assert "{" not in body["title"] + body["detail"]
    return body


# ---- answers ----


def test_a_case_is_answered_as_a_whole_and_photo_by_photo(client, classifier, photo, form):
    photos = [photo(320, 240), photo(400, 300)]

    answer = client.post(URL, files=form(*photos)).json()

    assert list(answer) == ["model", "verdict", "problems", "photos"]
    assert answer["model"] == {"name": classifier.card.name, "version": classifier.card.version}
    assert [seen["filename"] for seen in answer["photos"]] == ["0.jpg", "1.jpg"]
    assert [seen["sha256"] for seen in answer["photos"]] == [hashlib.sha256(data).hexdigest() for data in photos]
    assert [(seen["width"], seen["height"]) for seen in answer["photos"]] == [(320, 240), (400, 300)]
    for seen, data in zip(answer["photos"], photos, strict=True):
        (expected,) = classifier.classify([data])
        assert seen["verdict"] == expected.decision.verdict
        assert seen["problems"] == list(expected.decision.problems)
        assert seen["scores"] == pytest.approx(dict(expected.decision.scores), abs=1e-4)


def test_a_raw_body_gets_the_same_answer_as_a_form(client, photo, form):
    raw = client.post(URL, content=photo(), headers=JPEG).json()
    from_form = client.post(URL, files=form(photo())).json()

    assert raw["photos"][0].pop("filename") is None
    assert from_form["photos"][0].pop("filename") == "0.jpg"
    assert raw == from_form


def test_octet_stream_is_taken_by_its_bytes(client, photo):
    answer = client.post(URL, content=photo(format="PNG"), headers={"Content-Type": "application/octet-stream"})

    assert answer.status_code == 200


class Seeing:
    """A model that sees road damage in everything and water in the rest."""

    def __init__(self, classifier):
        self.card = classifier.card
        self._classifier = classifier

    def classify(self, photos):
        sure = {"road_damage": 0.99123456, "waterlogging": 0.98}
        scores = np.array([sure.get(label, 0.0) for label in self.card.labels], dtype=np.float32)
        return [ClassifiedPhoto(decision=self._classifier.decide(scores), width=64, height=48) for _ in photos]


@pytest.mark.parametrize(
    ("query", "name", "code"),
    [
        ("", "道路破损", {"standard": "gbt-47678.5-2026", "kind": "event", "code": "06013"}),
        ("?lang=en", "road damage", {"standard": "gbt-47678.5-2026", "kind": "event", "code": "06013"}),
        ("?standard=gbt-30428.2-2013", "道路破损", {"standard": "gbt-30428.2-2013", "kind": "event", "code": "0110"}),
    ],
)
def test_problems_carry_the_name_and_the_code_that_were_asked_for(
    serve_with, classifier, photo, form, query, name, code
):
    answer = serve_with(Seeing(classifier)).post(URL + query, files=form(photo())).json()

    assert answer["verdict"] == "problem"
    assert answer["problems"][0] == {
        "key": "road_damage",
        "name": name,
        "score": 0.9912,
        "code": {**code, "item_code": None},
    }
    assert answer["problems"][1]["key"] == "waterlogging"
    assert (answer["problems"][1]["code"] is None) == ("30428" not in query)


def test_a_district_gets_its_own_codes(serve_with, classifier, photo, form):
    service = serve_with(Seeing(classifier), region="440607", codes='{"gbt-47678.5-2026": {"road_damage": "06050"}}')

    road_damage, waterlogging = service.post(URL, files=form(photo())).json()["problems"]

    standard = {"standard": "gbt-47678.5-2026", "kind": "event"}
    assert road_damage["code"] == {**standard, "code": "06050", "item_code": "44060706050"}
    assert waterlogging["code"] is None


@pytest.mark.parametrize(
    ("mode", "how"),
    [
        pytest.param("RGB", {"format": "PNG"}, id="PNG"),
        pytest.param("RGB", {"format": "WEBP"}, id="WebP"),
        pytest.param("CMYK", {"format": "JPEG"}, id="CMYK JPEG"),
        pytest.param("L", {"format": "JPEG"}, id="grey JPEG"),
        pytest.param("RGBA", {"format": "PNG"}, id="alpha"),
        pytest.param("P", {"format": "PNG"}, id="palette"),
        pytest.param("1", {"format": "PNG"}, id="1 bit"),
        pytest.param("I;16", {"format": "PNG"}, id="16 bit"),
    ],
)
def test_every_accepted_kind_of_photo_is_answered(client, drawn, photo, form, mode, how):
    if mode == "I;16":
        file = io.BytesIO()
        drawn(mode="I").point(lambda value: value * 256).convert("I;16").save(file, **how)
        data = file.getvalue()
    else:
        data = photo(mode=mode, **how)

    answer = client.post(URL, files=form(data))

    assert answer.status_code == 200, answer.text
    assert (answer.json()["photos"][0]["width"], answer.json()["photos"][0]["height"]) == (320, 240)


def test_an_iphone_photo_is_answered(client, drawn, form):
    file = io.BytesIO()
    pillow_heif.from_pillow(drawn()).save(file, quality=80)

    answer = client.post(URL, files=form(file.getvalue())).json()

    assert (answer["photos"][0]["width"], answer["photos"][0]["height"]) == (320, 240)


def test_dimensions_are_those_of_the_upright_photo(client, drawn, form):
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    drawn(320, 240).save(file, "JPEG", exif=exif)

    answer = client.post(URL, files=form(file.getvalue())).json()

    assert (answer["photos"][0]["width"], answer["photos"][0]["height"]) == (240, 320)


# ---- photos that show too little ----


@pytest.fixture(scope="session")
def quarters():
    """A photo file with a colour for each quarter, see tests/colour_model.py."""

    def make(colours, darker=1):
        file = io.BytesIO()
        draw_quarters(colours).point(lambda level: level // darker).save(file, "PNG")
        return file.getvalue()

    return make


ADVICE = {"zh": "太暗，请补光或换角度重拍", "en": "Too dark: take it again with more light or from another side"}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_dark_photo_comes_with_advice_and_its_scores(client, dark_photo, form, language):
    answer = client.post(f"{URL}?lang={language}", files=form(dark_photo)).json()

    (seen,) = answer["photos"]
    assert (answer["verdict"], answer["problems"]) == ("review", [])
    assert (seen["verdict"], seen["problems"]) == ("review", [])
    assert seen["quality"] == [{"issue": "too_dark", "advice": ADVICE[language]}]
    assert all(0 <= score <= 1 for score in seen["scores"].values())


def test_a_dark_photo_does_not_count_beside_a_usable_one(serve_with, colour_classifier, quarters, dark_photo, form):
    service = serve_with(colour_classifier)

    alone = service.post(URL, files=form(quarters("rggg"))).json()
    together = service.post(URL, files=form(dark_photo, quarters("rggg"))).json()

    assert together["verdict"] == "problem"
    assert together["problems"] == alone["problems"]
    assert [len(seen["quality"]) for seen in together["photos"]] == [1, 0]


# ---- evidence ----


def test_evidence_is_given_where_asked_for_and_for_what_was_found_alone(serve_with, colour_classifier, quarters, form):
    service = serve_with(colour_classifier)
    photos = form(quarters("rggg"), quarters("ggbb"), quarters("gggg"))

    plain = service.post(URL, files=photos).json()
    answer = service.post(URL + "?evidence=true", files=photos).json()

    assert [seen.pop("evidence") for seen in plain["photos"]] == [None, None, None]
    road, water, nothing = (seen.pop("evidence") for seen in answer["photos"])
    assert answer == plain
    assert set(road) == {"road_damage"}
    assert road["road_damage"] == [[1.0, pytest.approx(0.12, abs=0.02)], pytest.approx([0.12, 0.12], abs=0.02)]
    assert all(score == round(score, 2) for row in road["road_damage"] for score in row)
    assert water["waterlogging"][1] == [1.0, 1.0]
    assert nothing == {}


def test_evidence_of_a_photo_for_a_person_is_that_of_its_likeliest_problem(
    serve_with, colour_classifier, quarters, form
):
    service = serve_with(colour_classifier)

    (seen,) = service.post(URL + "?evidence=true", files=form(quarters("gbgg", darker=12))).json()["photos"]

    assert (seen["verdict"], seen["problems"]) == ("review", [])
    assert set(seen["evidence"]) == {"waterlogging"}


def test_a_model_without_evidence_answers_null(serve_with, photo, form):
    service = serve_with(Classifier.load(RELEASED_FOLDER / "1.1.0"))

    answer = service.post(URL + "?evidence=true", files=form(photo())).json()

    assert answer["photos"][0]["evidence"] is None


def test_a_kept_answer_without_evidence_is_not_given_where_evidence_is_asked_for(
    serve_with, colour_classifier, quarters, form
):
    service = serve_with(colour_classifier, answer_cache_photos=10)
    asked = ["", "?evidence=true", "", "?evidence=true"]

    answers = [service.post(URL + query, files=form(quarters("rggg"))).json()["photos"][0] for query in asked]

    assert [seen["evidence"] is not None for seen in answers] == [False, True, False, True]


# ---- what is refused about a photo ----


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        pytest.param(b"this is no photo", 415, "photo_format", id="text"),
        pytest.param(b"x", 415, "photo_format", id="1 byte"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n", 415, "photo_format", id="EPS"),
        pytest.param(b"%PDF-1.7\n", 415, "photo_format", id="PDF"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "photo_format", id="SVG"),
        pytest.param(png_header(10_000, 6_500), 422, "photo_too_many_pixels", id="65 megapixels"),
        pytest.param(png_header(50_000, 50_000), 422, "photo_too_many_pixels", id="2500 megapixels"),
        pytest.param(png_header(31, 200), 422, "photo_too_small", id="31 pixels"),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_an_unusable_photo_is_named_by_its_place(client, photo, form, data, status, code, place):
    photos = [photo(), photo(), photo()]
    photos[place] = data

    body = refused(client.post(URL, files=form(*photos)), status, code, photo=place)

    assert f"第 {place + 1} " in body["detail"]


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "BMP"])
def test_other_picture_formats_are_refused(client, photo, form, kind):
    refused(client.post(URL, files=form(photo(format=kind))), 415, "photo_format", photo=0)


@pytest.mark.parametrize("percent", [10, 50, 90])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_cut_off_photo_is_refused(client, photo, form, percent, kind):
    whole = photo(800, 600, format=kind)
    cut = whole[: len(whole) * percent // 100]

    refused(client.post(URL, files=form(photo(), cut)), 422, "photo_truncated", photo=1)


def test_headers_are_checked_before_any_photo_is_decoded(serve_with, classifier, patient, photo, form):
    patient.let_go.set()
    service = serve_with(patient)
    while service.get("/health/ready").status_code != 200:
        time.sleep(0.01)
    before = patient.started

    refused(service.post(URL, files=form(photo(), photo(), b"no photo")), 415, "photo_format", photo=2)

    assert patient.started == before


def test_a_photo_file_over_the_limit_is_refused_while_it_streams(client):
    def endless():
        yield b"\xff\xd8\xff"
        for _ in range(17):
            yield bytes(1_000_000)

    body = refused(client.post(URL, content=endless(), headers=JPEG), 413, "photo_too_large", photo=0)

    assert "15 MB" in body["detail"]


def test_a_large_second_part_is_named(serve_with, photo, form):
    service = serve_with(max_photo_bytes=20_000)

    refused(service.post(URL, files=form(photo(), bytes(20_001))), 413, "photo_too_large", photo=1)
    assert service.post(URL, files=form(photo())).status_code == 200


# ---- what is refused about a request ----


def test_ten_photos_are_too_many(client, photo, form):
    body = refused(client.post(URL, files=form(*[photo()] * 10)), 413, "too_many_photos")

    assert "9" in body["detail"]


def test_nine_photos_are_not(client, photo, form):
    assert len(client.post(URL, files=form(*[photo()] * 9)).json()["photos"]) == 9


def test_an_empty_body_holds_no_photo(client):
    refused(client.post(URL, content=b"", headers=JPEG), 400, "no_photo")


def test_a_form_without_photo_says_what_it_found(client, photo):
    body = refused(client.post(URL, files={"file": ("a.jpg", photo(64, 64))}), 400, "no_photo")

    assert "file" in body["detail"]


def test_a_browser_form_where_no_file_was_chosen_holds_no_photo(client):
    body = b'--x\r\nContent-Disposition: form-data; name="photo"; filename=""\r\n\r\n\r\n--x--\r\n'

    refused(
        client.post(URL, content=body, headers={"Content-Type": "multipart/form-data; boundary=x"}), 400, "no_photo"
    )


def test_a_request_without_a_usable_content_type_is_told_which_ones_there_are(client):
    for headers in ({}, {"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": "text/plain"}):
        assert (
            "multipart/form-data"
            in refused(client.post(URL, content=b"x", headers=headers), 415, "unsupported_media_type")["detail"]
        )


@pytest.mark.parametrize(
    ("query", "code", "named"),
    [
        ("?standard=gbt-1", "unknown_standard", "gbt-30428.2-2013"),
        ("?lang=fr", "invalid_parameter", "lang"),
        ("?evidence=perhaps", "invalid_parameter", "evidence"),
    ],
)
def test_a_wrong_parameter_is_told_what_is_known(client, photo, form, query, code, named):
    assert named in refused(client.post(URL + query, files=form(photo())), 422, code)["detail"]


def test_refusals_are_in_english_where_asked(client):
    body = refused(client.post(URL + "?lang=en", content=b"", headers=JPEG), 400, "no_photo")

    assert body["title"] == "No photo"


# ---- load ----


def test_a_full_queue_says_when_to_come_back_and_the_loop_stays_free(serve_with, patient, photo, form):
    service = serve_with(patient, threads=1, queue_photos=9)
    case = threading.Thread(target=service.post, args=(URL,), kwargs={"files": form(*[photo()] * 8)})
    case.start()
    while patient.started == 0:
        time.sleep(0.01)
    time.sleep(0.1)

    assert service.get("/health/live").status_code == 200
    assert service.get("/health/ready").status_code == 503
    assert case.is_alive()  # all this was answered while the photos of the case were held
    answer = service.post(URL, files=form(photo(), photo()))
    refused(answer, 503, "overloaded")
    assert int(answer.headers["retry-after"]) >= 1

    patient.let_go.set()
    case.join()
    assert service.post(URL, files=form(photo())).status_code == 200


def test_bytes_still_arriving_count_against_the_queue(serve_with, patient, photo, form):
    service = serve_with(patient, queue_bytes=100_000, max_photo_bytes=60_000, max_photos=1)
    first = threading.Thread(target=service.post, args=(URL,), kwargs={"files": form(photo() + bytes(50_000))})
    first.start()
    time.sleep(0.3)

    refused(service.post(URL, content=bytes(59_000), headers=JPEG), 503, "overloaded")

    patient.let_go.set()
    first.join()
    assert service.post(URL, files=form(photo())).status_code == 200


def test_an_answer_that_takes_too_long_is_given_up(serve_with, patient, photo, form):
    service = serve_with(patient, deadline_seconds=0.2, threads=1)

    answer = service.post(URL, files=form(photo()))

    refused(answer, 503, "deadline")
    assert int(answer.headers["retry-after"]) >= 1


def test_an_upload_that_takes_too_long_is_ended(serve_with):
    service = serve_with(upload_seconds=0.2)

    def slow():
        yield b"\xff\xd8\xff"
        time.sleep(0.5)
        yield b"x"

    refused(service.post(URL, content=slow(), headers=JPEG), 408, "upload_deadline")


def test_photos_of_a_client_that_left_are_never_started(serve_with, patient, photo, form):
    service = serve_with(patient, threads=1)
    while patient.started == 0:  # the warm-up keeps the only thread busy
        time.sleep(0.01)

    with pytest.raises(httpx.ReadTimeout):
        service.post(URL, files=form(*[photo()] * 5), timeout=0.3)
    time.sleep(0.3)
    patient.let_go.set()

    assert service.post(URL, files=form(photo())).status_code == 200
    assert patient.started == 2
