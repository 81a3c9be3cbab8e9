"""What holds for every answer: refusals in one form, headers, the document at /openapi.json, keys."""

import json
import re

import pytest

from serve.app import create_app
from serve.forms import form_of
from serve.refusals import MEDIA_TYPE
from serve.settings import Settings


def test_an_unknown_address_is_refused_as_problem_json(client):
    answer = client.get("/v1/nothing?lang=en")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:xuntu:refusal:not_found",
        "title": "Not found",
        "status": 404,
        "detail": "There is nothing at /v1/nothing. What exists is listed at /docs.",
        "code": "not_found",
    }


def test_a_wrong_method_is_told_the_right_one(client):
    answer = client.get("/v1/classify")

    assert (answer.status_code, answer.json()["code"], answer.headers["allow"]) == (405, "method_not_allowed", "POST")


def test_of_several_routes_at_one_address_every_method_is_named(client):
    assert client.put("/v1/cases").headers["allow"] == "GET, POST"


def test_a_mistake_of_ours_is_a_500_that_tells_nothing_of_it(serve_with, classifier, photo, form):
    class Broken:
        card = classifier.card

        def classify(self, photos):
            raise RuntimeError("secret")

    answer = serve_with(Broken()).post("/v1/classify", files=form(photo()))

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text


def test_a_default_language_other_than_chinese_can_be_set(serve_with):
    service = serve_with(language="en")

    assert service.get("/x").json()["title"] == "Not found"
    assert service.get("/x?lang=zh").json()["title"] == "地址不存在"


def test_an_unknown_default_standard_is_refused_at_start():
    with pytest.raises(ValueError, match=r"gbt-30428\.2-2013"):
        create_app(Settings(standard="gbt-1"))


# ---- keys ----


def test_with_keys_demanded_v1_needs_one_and_the_rest_stays_open(serve_with, make_key, form):
    service = serve_with(require_keys=True)

    for path in ("/", "/docs", "/openapi.json", "/health/live", "/web/app.js"):
        assert service.get(path).status_code == 200
    for answer in (
        service.get("/v1/model"),
        service.get("/v1/problems"),
        service.post("/v1/classify", files=form(b"")),
    ):
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")

    token = make_key("patrol")  # without a restart
    assert service.get("/v1/model", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    for wrong in (f"Bearer {token}x", f"Basic {token}", "Bearer", token, "Bearer \xff"):
        assert service.get("/v1/model", headers={b"Authorization": wrong.encode("latin-1")}).status_code == 401


def test_on_loopback_no_key_is_demanded_even_where_keys_exist(serve_with, make_key):
    make_key("patrol")

    assert serve_with().get("/v1/model").status_code == 200


# ---- what browsers are told ----


def test_the_page_may_load_from_here_only(client):
    policy = client.get("/").headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/", "/docs", "/web/app.js", "/web/texts.js", "/web/style.css", "/web/icon.svg"])
def test_pages_load_nothing_from_another_site(client, path):
    answer = client.get(path)

    assert answer.status_code == 200
    addresses = set(re.findall(r"""(?:src|href|url)\s*[=(:]\s*["']?((?:https?:)?//[^"')\s]+)""", answer.text))
    assert addresses == set()


def test_the_page_is_kept_by_the_browser_and_checked_at_each_visit(client):
    first = client.get("/")
    again = client.get("/", headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["cache-control"] == "no-cache"
    assert again.status_code == 304
    assert client.head("/").status_code == 200


# ---- /openapi.json ----


@pytest.fixture(scope="module")
def document(client):
    return client.get("/openapi.json").json()


def test_the_document_is_openapi_3_1_and_every_reference_leads_somewhere(document):
    assert document["openapi"].startswith("3.1")
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        found = document
        for step in reference.split("/"):
            found = found[step]


def test_every_route_is_described(document):
    assert {"/v1/classify", "/v1/cases", "/v1/cases/{case_id}/verify", "/v1/keys", "/health/ready"} <= set(
        document["paths"]
    )
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"] and operation["tags"], f"{method} {path}"


def test_both_ways_to_send_photos_are_described(document):
    classify = document["paths"]["/v1/classify"]["post"]

    assert {"multipart/form-data", "image/*"} <= set(classify["requestBody"]["content"])
    assert {parameter["name"] for parameter in classify["parameters"]} == {"standard", "lang", "evidence"}


def test_who_may_use_a_route_and_how_is_described_where_somebody_is_asked(document):
    schemes = document["components"]["securitySchemes"]
    assert schemes["key"]["scheme"] == "bearer"
    assert (schemes["session"]["in"], schemes["session"]["name"]) == ("cookie", "xuntu_session")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "x-roles" in operation:
                assert operation["security"] == [{"key": []}, {"session": []}, {}], path
                assert "`admin`" in operation["description"]
                refusing = {"401", "403", "429"} if not path.startswith("/rpc/") else {"200"}  # as EasyDL sends them
                assert refusing <= set(operation["responses"])
                changes = method not in ("get", "head")
                described = " ".join(operation["responses"][status]["description"] for status in refusing)
                assert ("csrf_token" in described) is changes
            else:
                assert operation["security"] == []
    assert document["paths"]["/v1/keys"]["get"]["x-roles"] == ["admin"]
    assert "x-roles" not in document["paths"]["/health/live"]["get"]


def test_every_refusal_is_described_in_the_form_of_its_address(document):
    for path, operations in document["paths"].items():
        form = form_of(path)
        media_type, body = (MEDIA_TYPE, "Refused") if form is None else ("application/json", form.body.__name__)
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if not status.startswith("2"):
                    assert response["content"] == {media_type: {"schema": {"$ref": f"#/components/schemas/{body}"}}}
    assert set(document["paths"]["/v1/classify"]["post"]["responses"]) == {
        "200", "400", "401", "403", "408", "413", "415", "422", "429", "500", "503",
    }  # fmt: skip
