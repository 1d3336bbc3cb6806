"""Which addresses are opened, and what of them is written down."""

from __future__ import annotations

import socket

import pytest

from pipeline.live.addresses import find, is_address, is_public
from pipeline.live.errors import RefusedSourceError, SourceError
from pipeline.live.feeds import open_feed, plain_reason

PRIVATE = (
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.178.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1%eth0",
    "fd00::1",
    "ff02::1",
    "::ffff:192.168.1.1",
    "64:ff9b::a00:1",
    "2002:c0a8:0101::1",
)


@pytest.mark.parametrize("number", PRIVATE)
def test_private_addresses_are_told(number):
    assert not is_public(number)


@pytest.mark.parametrize("number", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"])
def test_public_addresses_are_told(number):
    assert is_public(number)


@pytest.mark.parametrize(
    "source",
    ["http://127.0.0.1/x", "rtsp://[::1]/x", "http://localhost:80/", "http://2130706433/", "http://[::ffff:10.0.0.1]/"],
)
def test_private_addresses_are_refused_unless_allowed(source):
    with pytest.raises(RefusedSourceError, match="--allow-private"):
        find(source, allow_private=False)
    assert find(source, allow_private=True).numbers


def test_one_private_number_among_public_ones_refuses_a_name(monkeypatch):
    numbers = ["93.184.215.14", "10.0.0.1"]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, 80)) for number in numbers]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **options: found)
    with pytest.raises(RefusedSourceError, match=r"it is 10\.0\.0\.1"):
        find("http://camera.example/", allow_private=False)
    del found[1]
    assert find("http://camera.example/", allow_private=False).numbers == ("93.184.215.14",)


@pytest.mark.parametrize(
    "source",
    [
        "ftp://example.org/x",
        "file:///etc/passwd",
        "concat://a|b",
        "http://",
        "http://host:99999/",
        "http://host/a\r\nHost: other",
        "rtsp://ho st/",
        "udp://239.0.0.1:1234",
    ],
)
def test_other_addresses_are_refused_in_a_sentence(source):
    assert is_address(source)
    with pytest.raises(RefusedSourceError) as caught:
        find(source, allow_private=True)
    assert str(caught.value).isprintable()


def test_a_name_that_leads_nowhere_is_told():
    with pytest.raises(SourceError, match=r"no machine is called 'camera\.invalid'"):
        find("rtsp://camera.invalid/", allow_private=False)


def test_secrets_are_not_written_down():
    address = find("rtsp://admin:s3cret@127.0.0.1:8554/cam?token=abc", allow_private=True)
    assert str(address) == "rtsp://127.0.0.1:8554/cam"
    assert "s3cret" not in repr(address)
    assert (address.user, address.path, address.authority) == ("admin:s3cret@", "/cam?token=abc", "127.0.0.1:8554")


@pytest.mark.parametrize("source", ["missing.mp4", "7", "/dev/video77"])
def test_what_is_not_there_is_said(source):
    with pytest.raises(SourceError, match=r"does not exist|there is no camera"), open_feed(source):
        pass


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("ioctl(VIDIOC_STREAMON): Device or resource busy", "it is in use by another program"),
        ("Cannot open video device /dev/video0: Permission denied", "its permissions forbid it"),
        ("method DESCRIBE failed: 401 Unauthorized", "it wants a user and a password"),
        ("HTTP error 404 Not Found", "there is nothing at this address"),
        ("HTTP error 503 Service Unavailable", "the server has an error"),
        ("http://127.0.0.1:41234/x: Something else", "http://camera.example/x Something else"),
    ],
)
def test_what_ffmpeg_complains_of_is_said_plainly(said, words):
    assert plain_reason(said, "http://camera.example/x").startswith(words)
