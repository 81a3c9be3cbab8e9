"""The Open Inference Protocol as a foreign client speaks it, and what becomes of requests that lie."""

import base64
import json
import re
import struct
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

HEADER = "Inference-Header-Content-Length"


def triton_client(service):
    return triton.InferenceServerClient(f"{service.base_url.host}:{service.base_url.port}")


@pytest.fixture
def foreign(client):
    with triton_client(client) as foreign:
        yield foreign


@pytest.fixture
def name(classifier):
    return classifier.card.name


@pytest.fixture
def url(name):
    return f"/v2/models/{name}/infer"


def photo_input(*photos, binary=True):
    tensor = triton.InferInput("photo", [len(photos)], "BYTES")
    files = photos if binary else [base64.b64encode(photo) for photo in photos]
    return [tensor.set_data_from_numpy(np.array(files, dtype=np.object_), binary_data=binary)]


def expected(classifier, *photos):
    decisions = [seen.decision for seen in classifier.classify(photos)]
    scores = [[decision.scores[label] for label in classifier.card.labels] for decision in decisions]
    return np.array(scores, dtype=np.float32), [decision.verdict.encode() for decision in decisions]


def refused(answer, status, code, photo=None):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert (body["code"], body.get("photo")) == (code, photo), body
    assert "{" not in body["error"]
    return body["error"]


# ---- the real client ----


def test_the_client_finds_the_service_and_its_model(foreign, classifier, name):
    card = classifier.card

    assert foreign.is_server_live()
    assert foreign.is_server_ready()
    assert foreign.is_model_ready(name)
    assert foreign.is_model_ready(name, card.version)
    assert foreign.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    assert foreign.get_model_metadata(name) == foreign.get_model_metadata(name, card.version)
    metadata = foreign.get_model_metadata(name)
    assert (metadata["name"], metadata["versions"]) == (name, [card.version])
    (photo,) = metadata["inputs"]
    assert (photo["name"], photo["datatype"], photo["shape"]) == ("photo", "BYTES", [-1])
    assert "base64 in JSON" in photo["parameters"]["description"]
    assert [(output["name"], output["datatype"], output["shape"]) for output in metadata["outputs"]] == [
        ("scores", "FP32", [-1, len(card.labels)]),
        ("verdict", "BYTES", [-1]),
        ("labels", "BYTES", [len(card.labels)]),
    ]


def test_a_model_that_is_not_here_is_not_ready(foreign, name):
    assert not foreign.is_model_ready("resnet")
    assert not foreign.is_model_ready(name, "0.0.1")
    with pytest.raises(InferenceServerException, match=f"没有模型 'resnet'.*{name}") as error:
        foreign.get_model_metadata("resnet")
    assert error.value.status() == "404"


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "JSON"])
def test_several_photos_are_answered_each_by_itself(foreign, classifier, name, photo, binary):
    photos = [photo(320, 240), photo(400, 300, format="PNG"), photo(64, 64)]
    scores, verdicts = expected(classifier, *photos)

    result = foreign.infer(name, photo_input(*photos, binary=binary), request_id="路 42")

    np.testing.assert_allclose(result.as_numpy("scores"), scores, atol=1e-6)
    assert result.as_numpy("verdict").tolist() == verdicts
    assert result.as_numpy("labels").tolist() == [label.encode() for label in classifier.card.labels]
    response = result.get_response()
    assert (response["id"], response["model_name"]) == ("路 42", name)
    assert response["model_version"] == classifier.card.version


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "JSON"])
def test_only_the_outputs_that_are_asked_for_come_and_in_the_form_that_is_asked_for(
    foreign, classifier, name, photo, binary
):
    asked = [triton.InferRequestedOutput("verdict", binary_data=binary), triton.InferRequestedOutput("scores")]
    scores, verdicts = expected(classifier, photo())

    result = foreign.infer(name, photo_input(photo()), outputs=asked, model_version=classifier.card.version)

    assert [output["name"] for output in result.get_response()["outputs"]] == ["verdict", "scores"]
    assert ("data" in result.get_output("verdict")) is not binary
    assert [text.encode() if isinstance(text, str) else text for text in result.as_numpy("verdict")] == verdicts
    np.testing.assert_allclose(result.as_numpy("scores"), scores, atol=1e-6)
    assert result.as_numpy("labels") is None


def test_the_client_sees_why_it_is_refused(foreign, name, photo):
    with pytest.raises(InferenceServerException, match="Photo 2 is cut off") as error:
        foreign.infer(name, photo_input(photo(), photo()[:-2000]), query_params={"lang": "en"})
    assert error.value.status() == "422"
    with pytest.raises(InferenceServerException, match="Content-Encoding") as error:
        foreign.infer(name, photo_input(photo()), request_compression_algorithm="gzip")
    assert error.value.status() == "415"
    with pytest.raises(InferenceServerException, match="classification"):
        foreign.infer(name, photo_input(photo()), outputs=[triton.InferRequestedOutput("scores", class_count=2)])


def test_a_key_is_demanded_and_probes_need_none(serve_with, name, photo):
    service = serve_with(require_keys=True)
    with triton_client(service) as foreign:
        assert foreign.is_server_live()
        while not foreign.is_server_ready():
            time.sleep(0.02)
        with pytest.raises(InferenceServerException) as error:
            foreign.infer(name, photo_input(photo()))
        assert error.value.status() == "401"
        assert not foreign.is_model_ready(name)


def test_the_example_of_the_documents_runs(client, photo, tmp_path, monkeypatch, capsys):
    document = (Path(__file__).parents[3] / "docs" / "clients.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", document, flags=re.DOTALL)
    (tmp_path / "photo.jpg").write_bytes(photo())
    monkeypatch.chdir(tmp_path)

    exec(example.replace("127.0.0.1:8000", f"127.0.0.1:{client.base_url.port}").replace("…", "1"), {})

    assert "b'road_damage'" in capsys.readouterr().out


# ---- requests written by hand ----


def element(data):
    return struct.pack("<I", len(data)) + data


def tensor(*, data=None, **fields):
    photos = {"name": "photo", "datatype": "BYTES", "shape": [1], **fields}
    return photos if data is None else {**photos, "data": data}


def post_binary(client, url, behind, *, size=None, header=None, stated=None):
    fields = {"parameters": {"binary_data_size": len(behind) if size is None else size}}
    content = json.dumps({"inputs": [tensor(**{**fields, **(header or {})})]}).encode()
    return client.post(url, content=content + behind, headers={HEADER: stated or str(len(content))})


def test_json_may_escape_the_base64_and_break_it_into_lines(client, url, photo):
    text = base64.encodebytes(photo()).decode()
    assert "/" in text and "+" in text
    plain = client.post(url, json={"inputs": [tensor(data=[text])]})
    escaped = json.dumps({"inputs": [tensor(data=[text])]}).replace("/", "\\/").replace("+", "\\u002b")

    answer = client.post(url, content=escaped)

    assert answer.status_code == 200, answer.text
    assert answer.json() == plain.json()


def test_an_answer_in_json_has_all_outputs_and_no_id_where_none_was_given(client, url, photo):
    answer = client.post(url, json={"inputs": [tensor(data=[base64.b64encode(photo()).decode()])], "outputs": []})

    assert HEADER not in answer.headers
    assert list(answer.json()) == ["model_name", "model_version", "outputs"]
    assert [output["name"] for output in answer.json()["outputs"]] == ["scores", "verdict", "labels"]


def test_an_id_of_half_a_character_comes_back(client, url, photo):
    text = base64.b64encode(photo()).decode()
    answer = client.post(url, content=json.dumps({"id": "\U0001f600\0", "inputs": [tensor(data=[text])]}))

    assert answer.json()["id"] == "\U0001f600\0"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"", "json_invalid", id="empty"),
        pytest.param(b"{", "json_invalid", id="cut off"),
        pytest.param(b'{"inputs": "', "json_invalid", id="a string without end"),
        pytest.param(b"\xff\xfe{\0}\0", "json_invalid", id="UTF-16"),
        pytest.param(b'{"id": NaN}', "json_invalid", id="NaN"),
        pytest.param(b"[" * 9_000, "json_invalid", id="deep"),
        pytest.param(b'{"inputs":' * 1_500, "json_invalid", id="deep objects"),
        pytest.param(b'{"id": ' + b"9" * 5_000 + b"}", "json_invalid", id="a number of 5,000 digits"),
        pytest.param(b'"' + b'\\"' * 600 + b'"', "json_invalid", id="escaped quotes"),
        pytest.param(b"[" + b"[]," * 100_000 + b"[]]", "json_too_large", id="100,000 lists"),
        pytest.param(b" " * 3_000_000, "json_too_large", id="spaces"),
        pytest.param(b"null", "tensor_invalid", id="null"),
        pytest.param(b"[]", "tensor_invalid", id="a list"),
        pytest.param(b'{"inputs": []}', "tensor_invalid", id="no input"),
        pytest.param(b'{"id": "\\ud800", "inputs": []}', "tensor_invalid", id="half a character"),
        pytest.param(b'{"id": 1, "inputs": []}', "tensor_invalid", id="an id that is a number"),
    ],
)
def test_json_that_is_no_request_is_refused(client, url, body, code):
    refused(client.post(url, content=body), 413 if code == "json_too_large" else 400, code)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        pytest.param({"name": "image"}, 400, "tensor_invalid", id="another name"),
        pytest.param({"datatype": "UINT8"}, 400, "tensor_invalid", id="another type"),
        pytest.param({"shape": []}, 400, "tensor_invalid", id="no dimension"),
        pytest.param({"shape": [1, 1]}, 400, "tensor_invalid", id="two dimensions"),
        pytest.param({"shape": [True]}, 400, "tensor_invalid", id="a truth as shape"),
        pytest.param({"shape": [1.5]}, 400, "tensor_invalid", id="half a photo"),
        pytest.param({"shape": [2]}, 400, "tensor_invalid", id="shape of more than there are"),
        pytest.param({"shape": [0], "data": []}, 400, "no_photo", id="no photo"),
        pytest.param({"shape": [-1]}, 400, "no_photo", id="fewer than none"),
        pytest.param({"shape": [10], "data": ["aGVs"] * 10}, 413, "too_many_photos", id="ten"),
        pytest.param({"shape": [10_000], "data": [""] * 3_000}, 413, "too_many_photos", id="10,000"),
        pytest.param({"shape": [10**400]}, 413, "too_many_photos", id="more than there are atoms"),
        pytest.param({"data": "aGVs"}, 400, "tensor_invalid", id="not a list"),
        pytest.param({"data": [["aGVs"]]}, 400, "tensor_invalid", id="nested"),
        pytest.param({"data": None}, 400, "tensor_invalid", id="no data"),
        pytest.param({"data": ["%%%"]}, 400, "base64_invalid", id="no base64"),
        pytest.param({"data": ["aGV"]}, 400, "base64_invalid", id="a quarter of it is missing"),
        pytest.param({"data": ["照片"]}, 400, "base64_invalid", id="Chinese"),
        pytest.param({"data": ["\0" + "0"]}, 400, "base64_invalid", id="what stands for a long string"),
        pytest.param({"data": ["!" * 5_000]}, 400, "base64_invalid", id="long and no base64"),
        pytest.param({"data": ["\\" * 400]}, 400, "base64_invalid", id="backslashes"),
        pytest.param({"data": ["data:image/jpeg;base64,aGVs"]}, 400, "base64_invalid", id="a data: prefix"),
        pytest.param({"data": [""]}, 415, "photo_format", id="an empty file"),
        pytest.param({"data": ["aGVs"]}, 415, "photo_format", id="no photo in it"),
        pytest.param({"data": ["aGVs"], "parameters": {"binary_data_size": 4}}, 400, "tensor_invalid", id="both"),
        pytest.param({"parameters": {"shared_memory_region": "x"}}, 400, "tensor_invalid", id="shared memory"),
    ],
)
def test_a_tensor_that_cannot_be_is_refused(client, url, fields, status, code):
    answer = client.post(url, json={"inputs": [tensor(**{"data": ["aGVs"], **fields})]})

    refused(answer, status, code, photo=0 if code in ("base64_invalid", "photo_format") else None)


def test_two_inputs_and_unknown_outputs_are_refused(client, url):
    two = {"inputs": [tensor(data=["aGVs"])] * 2}
    unknown = {"inputs": [tensor(data=["aGVs"])], "outputs": [{"name": "boxes"}]}

    assert "inputs" in refused(client.post(url, json=two), 400, "tensor_invalid")
    assert "outputs.0.name" in refused(client.post(url, json=unknown), 400, "tensor_invalid")


@pytest.mark.parametrize(
    ("behind", "how", "said"),
    [
        pytest.param(b"", {}, "element 0", id="nothing"),
        pytest.param(b"\3\0", {}, "element 0", id="half a length"),
        pytest.param(struct.pack("<I", 2**32 - 1) + b"x", {}, "element 0", id="a length that lies"),
        pytest.param(element(b"x") + b"yy", {}, "the elements take", id="bytes left over"),
        pytest.param(element(b"x"), {"size": 4}, "element 0", id="a size that is too short"),
        pytest.param(element(b"x"), {"size": 6}, "the elements take", id="a size that is too long"),
        pytest.param(struct.pack("<I", 9) + b"x", {"size": 13}, "body ends within", id="a body that ends early"),
        pytest.param(element(b"x") + b"y", {"size": 5}, "after the last tensor", id="a body that does not end"),
        pytest.param(element(b"x"), {"header": {"shape": [2]}}, "element 1", id="one of two"),
        pytest.param(element(b"x") * 2, {}, "the elements take", id="two of one"),
        pytest.param(element(b"x"), {"size": -5}, "binary_data_size", id="a negative size"),
        pytest.param(element(b"x"), {"stated": "1" * 5_000}, HEADER, id="a header of 5,000 digits"),
        pytest.param(element(b"x"), {"stated": "20100000"}, HEADER, id="a header beyond the limit"),
        pytest.param(element(b"x"), {"stated": "5000"}, "the body has", id="a header beyond the body"),
        pytest.param(element(b"x"), {"stated": "-1"}, HEADER, id="a negative header"),
        pytest.param(element(b"x"), {"stated": "x"}, HEADER, id="no number"),
    ],
)
def test_lengths_that_lie_are_refused(client, url, behind, how, said):
    assert said in refused(post_binary(client, url, behind, **how), 400, "tensor_invalid")


def test_a_header_length_that_cuts_the_json_is_refused(client, url):
    refused(post_binary(client, url, element(b"x"), stated="10"), 400, "json_invalid")
    refused(post_binary(client, url, element(b"x"), stated="0"), 400, "json_invalid")


def test_photos_over_the_limit_are_refused_before_they_are_read(serve_with, name, url, photo):
    service = serve_with(max_photo_bytes=20_000, max_photos=2)
    header = {"shape": [2]}

    large = post_binary(service, url, element(photo()) + element(bytes(20_001)), header=header)
    many = post_binary(service, url, element(photo()) * 3, header={"shape": [3]})
    text = service.post(url, json={"inputs": [tensor(data=["A" * 50_000])]})
    exactly = service.post(url, json={"inputs": [tensor(data=[base64.b64encode(bytes(20_001)).decode()])]})

    refused(large, 413, "photo_too_large", photo=1)
    refused(many, 413, "too_many_photos")
    refused(text, 413, "json_too_large")
    refused(exactly, 413, "photo_too_large", photo=0)
    assert post_binary(service, url, element(photo()) * 2, header=header).status_code == 200


def test_unknown_addresses_and_methods_are_refused_in_the_form_of_the_protocol(client, url, name):
    refused(client.get("/v2/nothing"), 404, "not_found")
    refused(client.get(url), 405, "method_not_allowed")
    refused(client.post("/v2/models/resnet/infer", content=b""), 404, "unknown_model")
    refused(client.post(f"/v2/models/{name}/versions/9/infer", content=b""), 404, "unknown_model")
    assert client.get("/v2x").headers["content-type"] == "application/problem+json"


# ---- the same limits as everywhere ----


def test_load_and_deadlines_are_those_of_the_service(serve_with, patient, url, photo):
    service = serve_with(patient, queue_photos=2, max_photos=2, threads=1, deadline_seconds=0.5)
    first = threading.Thread(target=post_binary, args=(service, url, element(photo())))
    first.start()
    time.sleep(0.2)

    full = post_binary(service, url, element(photo()) * 2, header={"shape": [2]})

    refused(full, 503, "overloaded")
    assert int(full.headers["retry-after"]) >= 1
    first.join()
    late = post_binary(service, url, element(photo()))
    refused(late, 503, "deadline")


def test_bytes_held_are_given_back(serve_with, url, photo):
    service = serve_with(queue_bytes=100_000, max_photo_bytes=50_000, max_photos=2)
    body = {"inputs": [tensor(data=[base64.b64encode(photo() + bytes(20_000)).decode()])]}

    assert [service.post(url, json=body).status_code for _ in range(5)] == [200] * 5


def test_a_mistake_of_ours_is_told_in_the_form_of_the_protocol(serve_with, classifier, url, photo):
    class Broken:
        card = classifier.card

        def classify(self, photos):
            raise RuntimeError("secret")

    answer = post_binary(serve_with(Broken()), url, element(photo()))

    assert "secret" not in refused(answer, 500, "internal_error")
