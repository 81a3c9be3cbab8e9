"""Bodies that are not what they say: each is refused with 400 and none reaches the model."""

import socket

import pytest

URL = "/v1/classify"


def send(client, body, content_type="multipart/form-data; boundary=x"):
    return client.post(URL, content=body, headers={"Content-Type": content_type})


def part(name="photo", data=b"data", filename="a.jpg", headers=""):
    return (
        f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n{headers}\r\n'.encode()
        + data
        + b"\r\n"
    )


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(part() + b"--x--\r\n", "multipart/form-data", id="no boundary named"),
        pytest.param(part() + b"--x--\r\n", "multipart/form-data; boundary=other", id="another boundary"),
        pytest.param(part() + b"--x--\r\n", f"multipart/form-data; boundary={'x' * 300}", id="endless boundary"),
        pytest.param(part(), "multipart/form-data; boundary=x", id="no closing boundary"),
        pytest.param(b"--x\r\nno header", "multipart/form-data; boundary=x", id="cut off in a header"),
        pytest.param(b"", "multipart/form-data; boundary=x", id="empty"),
        pytest.param(b"{}", "multipart/form-data; boundary=x", id="JSON"),
        pytest.param(
            part(headers="".join(f"X-{number}: 1\r\n" for number in range(50))) + b"--x--\r\n",
            "multipart/form-data; boundary=x",
            id="50 headers in a part",
        ),
        pytest.param(
            part(headers=f"X-Long: {'y' * 10_000}\r\n") + b"--x--\r\n",
            "multipart/form-data; boundary=x",
            id="a header of 10,000 characters",
        ),
        pytest.param(part("note") * 10_000 + b"--x--\r\n", "multipart/form-data; boundary=x", id="10,000 fields"),
        pytest.param(
            part("note", bytes(30_000)) + b"--x--\r\n", "multipart/form-data; boundary=x", id="a field of 30,000 bytes"
        ),
    ],
)
def test_a_broken_form_is_refused(client, body, content_type):
    answer = send(client, body, content_type)

    assert (answer.status_code, answer.json()["code"]) == (400, "multipart_invalid")


def test_small_fields_beside_the_photo_are_ignored(client, photo):
    answer = send(client, part("note", b"hello") + part(data=photo()) + part("place", b"x") + b"--x--\r\n")

    assert len(answer.json()["photos"]) == 1


def test_a_photo_that_holds_something_like_the_boundary_arrives_whole(client, photo):
    data = photo() + b"\r\n--\r\n--y--\r\n-\r\n"

    answer = send(client, part(data=data) + b"--x--\r\nepilogue")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("照片.jpg", "照片.jpg"),
        ("../../etc/passwd", "../../etc/passwd"),  # only ever repeated, never used as a path
        ("a" * 1000, "a" * 255),
    ],
)
def test_file_names_are_repeated_in_the_answer(client, photo, sent, shown):
    answer = send(client, part(data=photo(), filename=sent) + b"--x--\r\n")

    assert answer.json()["photos"][0]["filename"] == shown


def test_a_form_that_never_ends_is_cut_off(serve_with):
    service = serve_with(max_photo_bytes=1_000, max_photos=1)

    def endless():
        for _ in range(30):
            yield b"\r\n" * 25_000

    answer = send(service, endless())

    assert (answer.status_code, answer.json()["code"]) == (400, "multipart_invalid")


def test_a_client_that_leaves_in_mid_upload_disturbs_nobody(client, photo, form):
    address = (client.base_url.host, client.base_url.port)
    with socket.create_connection(address) as leaving:
        leaving.sendall(
            b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 1000\r\n\r\nabc"
        )

    assert client.post(URL, files=form(photo())).status_code == 200
