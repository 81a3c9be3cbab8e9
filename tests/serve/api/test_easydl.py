"""The EasyDL address, called as Baidu's public documentation says, and what its clients send in practice."""

import base64
import json
import urllib.parse
import urllib.request

import pytest

from serve.forms import easydl_error_code
from serve.refusals import TEXTS


class EasydlClient:
    """As the documentation of EasyDL writes one: the token in the address, JSON in the body, `error_code` in a 200."""

    def __init__(self, service, name, access_token=None, **parameters):
        given = {**({} if access_token is None else {"access_token": access_token}), **parameters}
        query = urllib.parse.urlencode(given)
        self.url = f"{service.base_url}/rpc/2.0/ai_custom/v1/classification/{name}" + (f"?{query}" if query else "")

    def classify(self, photo, top_num=None):
        params = {"image": base64.b64encode(photo).decode("utf-8")}
        if top_num is not None:
            params["top_num"] = top_num
        return self.post(json.dumps(params).encode("utf-8"))

    def post(self, body, **headers):
        request = urllib.request.Request(url=self.url, data=body, headers={"Content-Type": "application/json"})
        for name, value in headers.items():
            request.add_header(name, value)
        with urllib.request.urlopen(request, timeout=10) as response:  # raises on any other status
            return json.loads(response.read())


@pytest.fixture
def easydl(client, classifier):
    return EasydlClient(client, classifier.card.name)


def refused(answer, error_code):
    assert set(answer) == {"error_code", "error_msg", "log_id"}
    assert answer["error_code"] == error_code, answer
    assert 0 <= answer["log_id"] < 2**63
    return answer["error_msg"]


def test_a_photo_is_answered_with_every_problem_highest_score_first(easydl, classifier, photo):
    answer = easydl.classify(photo())

    (expected,) = classifier.classify([photo()])
    assert list(answer) == ["log_id", "results"]
    assert 0 <= answer["log_id"] < 2**63
    scores = [result["score"] for result in answer["results"]]
    assert scores == sorted(scores, reverse=True)
    assert scores == pytest.approx(sorted(expected.decision.scores.values(), reverse=True), abs=1e-4)
    assert {result["name"] for result in answer["results"]} == {
        "暴露垃圾", "垃圾箱满溢", "乱涂写乱张贴", "道路破损", "道路积水",
    }  # fmt: skip


@pytest.mark.parametrize(("top_num", "results"), [(1, 1), ("2", 2), (5, 5), (10**30, 5), (3.0, 3)])
def test_so_many_results_come_as_are_asked_for(easydl, photo, top_num, results):
    assert len(easydl.classify(photo(), top_num)["results"]) == results


def test_names_come_in_english_where_asked(client, classifier, photo):
    answer = EasydlClient(client, classifier.card.name, lang="en").classify(photo())

    assert "road damage" in {result["name"] for result in answer["results"]}


def test_every_answer_has_a_number_of_its_own(easydl, photo):
    assert easydl.classify(photo())["log_id"] != easydl.classify(photo())["log_id"]


def test_json_is_read_whatever_its_content_type_and_escapes(easydl, photo):
    text = base64.b64encode(photo()).decode().replace("/", "\\/").replace("=", "\\u003d")  # as PHP and Gson write it
    body = b'{"top_num": 5, "image": "' + text.encode() + b'"}'

    answer = easydl.post(body, **{"Content-Type": "application/x-www-form-urlencoded"})

    assert len(answer["results"]) == 5


# ---- keys ----


def test_the_key_comes_in_the_address_or_in_the_header(serve_with, make_key, classifier, photo):
    service, token, name = serve_with(require_keys=True), make_key("system"), classifier.card.name

    assert "results" in EasydlClient(service, name, token).classify(photo())
    assert "results" in EasydlClient(service, name).post(
        json.dumps({"image": base64.b64encode(photo()).decode()}).encode(), Authorization=f"Bearer {token}"
    )
    assert refused(EasydlClient(service, name).classify(photo()), 110)
    assert refused(EasydlClient(service, name, token + "x").classify(photo()), 110)
    assert refused(EasydlClient(service, name, "密\r\nX-Y: 1").classify(photo()), 110)


def test_the_key_of_an_address_is_taken_nowhere_else(serve_with, make_key):
    service, token = serve_with(require_keys=True), make_key("system")

    assert service.get("/v1/model", params={"access_token": token}).status_code == 401


# ---- what is refused ----


@pytest.mark.parametrize(
    ("body", "error_code"),
    [
        pytest.param(b"", 336002, id="empty"),
        pytest.param(b"image=aGVs&top_num=5", 336002, id="a form"),
        pytest.param(b'{"image": "aGVs"', 336002, id="cut off"),
        pytest.param(b'{"top_num": NaN}', 336002, id="NaN"),
        pytest.param(b"[" * 9_000, 336002, id="deep"),
        pytest.param(b"[" + b"{}," * 1_000_000 + b"{}]", 336004, id="a million objects"),
        pytest.param(b"null", 336001, id="null"),
        pytest.param(b"[]", 336001, id="a list"),
        pytest.param(b"{}", 336006, id="no image"),
        pytest.param(b'{"image": null}', 336006, id="image null"),
        pytest.param(b'{"image": ""}', 336006, id="image empty"),
        pytest.param(b'{"image": 5}', 336001, id="image a number"),
        pytest.param(b'{"image": ["aGVs"]}', 336001, id="image a list"),
        pytest.param(b'{"image": "\\ud800"}', 336003, id="half a character"),
        pytest.param(b'{"image": "aGVs", "top_num": 0}', 336001, id="no results"),
        pytest.param(b'{"image": "aGVs", "top_num": "many"}', 336001, id="many results"),
        pytest.param(b'{"image": "aGVs", "top_num": 1.5}', 336001, id="one and a half results"),
        pytest.param(b'{"image": "aGVs", "top_num": 1e999}', 336001, id="endless results"),
        pytest.param(b'{"image": "%%%"}', 336003, id="no base64"),
        pytest.param(b'{"image": "' + b"%" * 5_000 + b'"}', 336003, id="long and no base64"),
        pytest.param(b'{"image": "' + b"\\x" * 5_000 + b'"}', 336003, id="escapes that are none"),
        pytest.param(b'{"image": "aGVs"}', 336005, id="no photo"),
    ],
)
def test_what_cannot_be_used_gets_the_public_number(easydl, body, error_code):
    refused(easydl.post(body), error_code)


def test_a_data_prefix_is_refused_and_named(easydl, photo):
    text = base64.b64encode(photo()).decode()

    words = refused(easydl.post(json.dumps({"image": f"data:image/jpeg;base64,{text}"}).encode()), 336003)

    assert "data:image/jpeg;base64," in words


def test_photos_that_cannot_be_used_get_the_public_numbers(serve_with, classifier, photo):
    easydl = EasydlClient(serve_with(max_photo_bytes=20_000), classifier.card.name)

    refused(easydl.classify(photo()[:-500]), 336005)
    refused(easydl.classify(photo(20, 20)), 336004)
    refused(easydl.classify(bytes(20_001)), 336004)
    refused(easydl.classify(bytes(200_000)), 336004)
    refused(easydl.post(b"{}", **{"Content-Encoding": "gzip"}), 336001)


def test_nothing_is_fetched_from_an_address(client, classifier, photo):
    words = refused(EasydlClient(client, classifier.card.name, input_type="url").classify(photo()), 336001)

    assert "input_type" in words


def test_what_http_refuses_keeps_its_status_and_the_form(client, classifier):
    path = f"/rpc/2.0/ai_custom/v1/classification/{classifier.card.name}"
    for answer, status in (
        (client.post("/rpc/2.0/ai_custom/v1/classification/resnet", json={}), 404),
        (client.post("/rpc/2.0/ai_custom/v1/detection/x", json={}), 404),
        (client.get(path), 405),
    ):
        assert answer.status_code == status
        refused(answer.json(), 3)


def test_a_service_without_room_asks_to_come_back(serve_with, patient, classifier, photo):
    service = serve_with(patient, deadline_seconds=0.2, threads=1)
    answer = service.post(
        f"/rpc/2.0/ai_custom/v1/classification/{classifier.card.name}",
        json={"image": base64.b64encode(photo()).decode()},
    )

    assert answer.status_code == 200
    assert int(answer.headers["retry-after"]) >= 1
    refused(answer.json(), 336100)


def test_a_mistake_of_ours_is_no_success(serve_with, classifier, photo):
    class Broken:
        card = classifier.card

        def classify(self, photos):
            raise RuntimeError("secret")

    answer = serve_with(Broken()).post(
        f"/rpc/2.0/ai_custom/v1/classification/{classifier.card.name}",
        json={"image": base64.b64encode(photo()).decode()},
    )

    assert answer.status_code == 500
    assert "secret" not in refused(answer.json(), 336000)


@pytest.mark.parametrize("code", TEXTS)
def test_every_refusal_has_a_public_number(code):
    assert easydl_error_code(code, TEXTS[code].status) in {
        3, 6, 18, 110, 336000, 336001, 336002, 336003, 336004, 336005, 336006, 336100,
    }  # fmt: skip
