"""serve/webhooks/targets.py: which addresses events are sent to, and which never."""

import pytest

from serve.webhooks.targets import Reason, TargetRefused, checked_addresses, is_public, read_target


def reason_of(call, *arguments, **named):
    with pytest.raises(TargetRefused) as refused:
        call(*arguments, **named)
    return refused.value.reason


def test_a_url_is_taken_apart():
    target = read_target("https://city.example:8443/hooks?key=1", allow_private=False)

    assert (target.scheme, target.host, target.port, target.path) == ("https", "city.example", 8443, "/hooks?key=1")
    assert target.origin == "https://city.example:8443"
    assert read_target("https://city.example", allow_private=False).path == "/"
    assert read_target("https://[2606:4700::1111]/", allow_private=False).host_header == "[2606:4700::1111]"


@pytest.mark.parametrize(
    "url",
    [
        "http://city.example/", "ftp://city.example/", "city.example/hooks", "https://", "https:///hooks",
        "https://user:password@city.example/", "https://city.example@127.0.0.1/", "https://city.example/#part",
        "https://city.example:0/", "https://city.example:99999/", "https://city.example:x/", "https://城管.example/",
        "https://city.example\\@127.0.0.1/", "https://city.example/a b", "https://city.example/\n", "https://[::1/",
        "https://city%2eexample/", "https://[fe80::1%25eth0]/", "https://city.example/" + "x" * 2000, "",
    ],
)  # fmt: skip
def test_other_urls_are_refused(url):
    assert reason_of(read_target, url, allow_private=False) is Reason.URL


def test_a_setting_allows_http():
    assert read_target("http://city.example/", allow_private=True).port == 80


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("2001:db8::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("::127.0.0.1", False),
        ("2002:7f00:1::1", False),  # 6to4 of 127.0.0.1
        ("2002:808:808::1", True),
        ("64:ff9b::a9fe:a9fe", False),  # NAT64 of 169.254.169.254
        ("64:ff9b::808:808", True),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),  # Teredo
    ],
)
def test_an_address_is_public_or_not(address, public):
    assert is_public(address) is public


def test_one_private_address_among_public_ones_is_enough_to_refuse():
    target = read_target("https://city.example/", allow_private=False)
    asked = []

    def answer(*addresses):
        return lambda host, port: asked.append((host, port)) or addresses

    assert checked_addresses(target, allow_private=False, resolve=answer("8.8.8.8", "1.1.1.1")) == (
        "8.8.8.8",
        "1.1.1.1",
    )
    assert asked == [("city.example", 443)]
    mixed = answer("8.8.8.8", "10.0.0.1")
    assert reason_of(checked_addresses, target, allow_private=False, resolve=mixed) is Reason.PRIVATE
    assert checked_addresses(target, allow_private=True, resolve=mixed) == ("8.8.8.8", "10.0.0.1")


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost", "127.0.0.1", "[::1]"])
def test_every_way_to_write_this_machine_is_refused(host):
    target = read_target(f"https://{host}/", allow_private=False)

    assert reason_of(checked_addresses, target, allow_private=False) is Reason.PRIVATE


def test_a_host_without_address_is_refused():
    target = read_target("https://city.example/", allow_private=True)

    def nothing(host, port):
        raise OSError(-2, "Name or service not known")

    assert reason_of(checked_addresses, target, allow_private=True, resolve=nothing) is Reason.UNKNOWN
    assert reason_of(checked_addresses, target, allow_private=True, resolve=lambda *_: []) is Reason.UNKNOWN
