"""Personal data is masked, in several countries' formats, and nothing else is."""

from __future__ import annotations

import time

import pytest

from framework.report.privacy import LEFT_OUT, Disclosure, Text, mask

MASKED = {
    "write to bob.smith+news@mail.example.co.uk!": "write to [email]!",
    "邮箱bob@example.com谢谢": "邮箱[email]谢谢",
    "josé@müller.de": "[email]",
    "mailto:a_b@x.io": "[email]",
    "@united why, @JetBlue?": "[handle] why, [handle]?",
    "RT @jane_doe: late again": "RT [handle]: late again",
    "follow @bob@mastodon.social.": "follow [handle].",
    ".@united thanks": ".[handle] thanks",
    "(@ann)": "([handle])",
    "@小明 你好": "[handle] 你好",
    "see https://t.co/Ab3?x=1#y.": "see [link].",
    "(http://example.com/a_b)": "([link])",
    "请看https://example.com/x。好": "请看[link]。好",
    "www.example.org now": "[link] now",
    "bit.ly/2xYz, pic.twitter.com/abc": "[link], [link]",
    "my card 4111 1111 1111 1111 failed": "my card [number] failed",
    "5500-0000-0000-0004": "[number]",
    "card:378282246310005": "card:[number]",
    "IBAN DE89 3704 0044 0532 0130 00.": "IBAN [number].",
    "GB82WEST12345698765432": "[number]",
    "call (415) 555-2671 now": "call [phone] now",
    "415-555-2671": "[phone]",
    "415.555.2671!": "[phone]!",
    "1-800-555-2671": "[phone]",
    "+1 415 555 2671": "[phone]",
    "+442079460958": "[phone]",
    "0044 20 7946 0958": "[phone]",
    "020 7946 0958": "[phone]",
    "07911 123456": "[phone]",
    "+49 (0) 171 1234567": "[phone]",
    "0171/1234567": "[phone]",
    "030 12 34 56 78": "[phone]",
    "06 12 34 56 78": "[phone]",
    "06.12.34.56.78": "[phone]",
    "+33 6 12 34 56 78": "[phone]",
    "+34 612 345 678": "[phone]",
    "(11) 91234-5678": "[phone]",
    "090-1234-5678": "[phone]",
    "98765 43210": "[phone]",
    "8 (912) 345-67-89": "[phone]",
    "13800138000": "[phone]",
    "电话13800138000，谢谢": "电话[phone]，谢谢",
    "我的号码是138 0013 8000": "我的号码是[phone]",
    "138-0013-8000": "[phone]",
    "+86 138 0013 8000": "[phone]",
    "010-62345678": "[phone]",
    "call me on 4155552671": "call me on [phone]",
    "Tel.: 5552671": "Tel.: [phone]",
    "电话：62345678": "电话：[phone]",
}
KEPT = [
    "it cost $1,299.00 or 1.299,00 €, not 1 299 000",
    "2026-11-24, 24.11.2026, 11/24/2026, 24.11.2026 10:30:00",
    "01.02.2026 10:30 and 01/02/2026 1200",
    "2026-11-24T10:31:07 and 20261124103107",
    "born 1999-2004, open 0800-1700",
    "flight UA1234 at 10:45, gate 22, seat 14C",
    "version 1.24.3, address 192.168.0.1, 127.0.0.1:8080",
    "order 4155552671, ticket 123456789",
    "1732447867 and 1732447867123",
    "ISBN 978-3-16-148410-0",
    "UA647 heading back to gate bc improper load? i guess",
    "the 1234567890123456 bytes",
    "-0.123456789 and 3.14159265358979",
    "100 200 300 and 10 000 000",
    "50.123456, 14.123456",
    "up 12.5% to 1.234.567",
    "text 3 times in 2026, call at 10:30-11:30",
    "phone cost 1.299.000",
    "meet @ noon, @5pm, @10am or 5@3",
    "e.g. and/or, i.e. this... and.that",
    "amazon.com is a shop",
    "24/7, 9/10, 3-2, 50-50",
    "007, 1.50, NA",
    "£0123456789",
    "",
    "好的，谢谢",
    "[email] [phone] [handle] [link] [number]",
]


@pytest.mark.parametrize(("text", "expected"), MASKED.items())
def test_personal_data_is_replaced_by_its_kind(text: str, expected: str) -> None:
    assert mask(text) == expected
    assert mask(expected) == expected


@pytest.mark.parametrize("text", KEPT)
def test_ordinary_text_stays(text: str) -> None:
    assert mask(text) == text


def test_only_what_is_marked_as_text_is_masked_or_left_out() -> None:
    path, text = "/home/@bob/a.csv", Text("mail @bob")
    assert [Disclosure().cell(value) for value in (path, text, 3)] == [path, "mail [handle]", 3]
    assert [Disclosure(texts=False).cell(value) for value in (path, text, 3)] == [path, LEFT_OUT, 3]
    assert Disclosure(keep=True).cell(text) == "mail @bob"


def test_requests_and_responses_are_masked_all_the_way_down() -> None:
    request = {"text": "I am @bob", "size": 2.5, "turns": ["call 415-555-2671", {"by": "a@b.cz"}]}
    expected = {"text": "I am [handle]", "size": 2.5, "turns": ["call [phone]", {"by": "[email]"}]}
    assert Disclosure().value(request) == expected
    assert request["text"] == "I am @bob"


@pytest.mark.parametrize(
    "text", ["-" * 300_000, "a." * 150_000, "@" * 300_000, "1 " * 150_000, "call " * 60_000, "0" * 300_000]
)
def test_long_cells_are_masked_in_a_moment(text: str) -> None:
    started = time.perf_counter()
    mask(text)
    assert time.perf_counter() - started < 5
