"""Disclosure of the user's texts: whether they are shown, and masking of personal data in them.

Masking is pattern matching, not anonymization. It misses names, addresses, identity numbers, spelled-out or obfuscated contacts
("bob at example dot com"), and phone numbers written as a plain run of digits, except after a word such as "call".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from framework.contracts.data.cells import within


class Text(str):
    """Marks a string in a `Section` as a text of the user's data, or a part of one.

    The framework masks or leaves out exactly these cells and notes, and cuts long ones. Slicing and formatting give a plain
    `str`, so mark a string last, and do not cut it before: half an e-mail address would not be recognised.
    """

    __slots__ = ()


LEFT_OUT = "(text left out)"
SHOWN = 400  # characters of a text in a table, at most
READ = 2000  # characters of a text in a table that are searched for personal data


@dataclass(frozen=True)
class Disclosure:
    """What may be shown of the user's texts."""

    texts: bool = True
    """Whether texts are shown."""
    keep: bool = False
    """Whether texts are shown with the personal data in them, unmasked."""

    def text(self, text: str) -> str:
        """The text, masked or left out."""
        if not self.texts:
            return LEFT_OUT
        return str(text) if self.keep else mask(text)

    def cell(self, value: object) -> object:
        """A table's cell or a note: a `Text` masked or left out and cut, anything else unchanged."""
        if not isinstance(value, Text):
            return value
        words = value[:READ].rsplit(maxsplit=1) or [""]
        text = self.text(value if len(value) <= READ else words[0])  # half an address would not be masked
        return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"

    def value(self, value: Any) -> Any:
        """A request or response with every string in it masked or left out."""
        return within(value, self.text)


def disclosure_of(config: Any) -> Disclosure:
    """The disclosure that the `report:` section of a composed recipe sets."""
    return Disclosure(config.report.texts, config.report.personal_data.name == "keep")


def mask_cell(cell: Any) -> Any:
    """A cell of a table, or a part of a request, with personal data masked in every string in it."""
    return within(cell, mask)


def mask(text: str) -> str:
    """The text with placeholders for links, e-mail addresses, handles, account and card numbers, and phone numbers."""
    for pattern, replacement in _STEPS:
        text = pattern.sub(replacement, text)
    return text


# Letters and digits of Latin script: \w would include the Chinese words around an address.
_LATIN = "A-Za-z0-9À-ɏ"
_DOMAINS = "com|org|net|info|io|co|ly|me|gl|uk|de|fr|es|it|nl|eu|us|ca|au|in|cn|jp|ru|br|app|dev|ai|tv|gg|be|to|st|cc"
_START = rf"(?:[a-z][a-z0-9+.-]{{1,20}}://|www\.|(?:[a-z0-9-]{{1,63}}\.){{1,5}}(?:{_DOMAINS})/)"
_REST = r"""[^\s<>"'()\[\]，。！？；：、）】]+(?<![.,;:!?…])"""  # punctuation that ends the sentence is not part of a link
_LINK = re.compile(rf"(?<![{_LATIN}]){_START}{_REST}", re.I)
_EMAIL = re.compile(
    rf"(?<![@{_LATIN}._%+-])(?:mailto:)?[{_LATIN}._%+-]{{1,64}}@[{_LATIN}-]{{1,63}}(?:\.[{_LATIN}-]{{1,63}}){{1,5}}", re.I
)
_HANDLE = re.compile(r"(?<![A-Za-z0-9_@/&])@(?!\d{1,2}(?:[ap]m|h)?\b)\w{2,40}(?:@[\w.-]*\w)?")

_SEPARATOR = r"[ \u00a0\u2009./-]"
_FREE = r"(?<![A-Za-z0-9_])(?<!\d[.,:/-])(?<!\d[ ])(?<![$€£¥₹#])"  # not directly after a word, digit or currency sign
_DONE = r"(?![A-Za-z0-9_])(?![.,:/-]\d)(?! ?[%€£¥])"
_IBAN = r"[A-Z]{2}\d{2}(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?)"
_LONG = re.compile(rf"{_FREE}(?:{_IBAN}|\d(?:[ -]?\d){{12,18}}){_DONE}", re.I)
_CARD = re.compile(r"(?:4\d{12}(?:\d{3}){0,2}|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3[068]\d{12}|35\d{14}|6[025]\d{14,17})")
_DAY, _MONTH, _YEAR, _MARK = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d", "[ ./-]"
_DATE = re.compile(f"(?:{_DAY}{_MARK}){{2}}{_YEAR}|{_YEAR}{_MARK}{_MONTH}{_MARK}{_DAY}")
_THOUSANDS = re.compile(r"[+(]?\d{1,3}(?:[.]\d{3})+")
_NOUNS = (
    "phone|call|tel|telephone|telefon|telefono|teléfono|téléphone|tél|mobile|móvil|celular|cell|whatsapp|sms|text|fax|dial|"
    "handy|rufnummer"
)
_BETWEEN = r"(?:[\s:.#]|\b(?:me|us|him|her|them|on|at|is|no|nr|number|nummer)\b){0,6}"
_CALL = rf"\b(?:{_NOUNS})s?\b{_BETWEEN}|(?:电话|手机|電話|手機|전화)(?:号码|號碼|番号)?[是为：:\s]{{0,3}}"
_PHONES = (
    rf"(?:\+|\b00)[ ]?[1-9]\d{{0,2}}(?:{_SEPARATOR}?\(0\))?(?:{_SEPARATOR}?\(?\d{{1,5}}\)?){{2,6}}",  # +49 (0) 171 1234567
    rf"(?:1{_SEPARATOR})?\(?[2-9]\d{{2}}\)?{_SEPARATOR}?[2-9]\d{{2}}[ .-]\d{{4}}",  # (415) 555-2671
    r"\(\d{2,5}\)[ ]?\d{2,5}[ -]\d{3,5}",  # (11) 91234-5678
    rf"\(?0[1-9]\d{{0,4}}\)?(?:{_SEPARATOR}?\d{{2,8}}){{1,4}}",  # 020 7946 0958, 0171/1234567, 06 12 34 56 78
    r"1[3-9]\d[ -]?\d{4}[ -]?\d{4}",  # 138 0013 8000
    r"[6-9]\d{4}[ -]\d{5}",  # 98765 43210
    r"8[ -]?\(?9\d{2}\)?[ -]?\d{3}[ -]\d{2}[ -]\d{2}",  # 8 (912) 345-67-89
)
_PHONE = re.compile(f"{_FREE}(?:{'|'.join(f'(?:{pattern})' for pattern in _PHONES)}){_DONE}")
_CALLED = re.compile(rf"({_CALL})(\+?\(?\d(?:{_SEPARATOR}?[()]?\d){{6,14}}){_DONE}", re.I)


def _mask_number(match: re.Match[str]) -> str:
    """Masks a match that is an IBAN, or the number of a known card brand, and whose checksum (ISO 13616, Luhn) is correct."""
    plain = re.sub(r"[ -]", "", match[0]).upper()
    if plain[0].isalpha():
        digits = "".join(str(int(character, 36)) for character in plain[4:] + plain[:4])
        return "[number]" if int(digits) % 97 == 1 else match[0]
    return "[number]" if _CARD.fullmatch(plain) and _luhn(plain) else match[0]


def _luhn(digits: str) -> bool:
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _is_phone(number: str) -> bool:
    """Whether `number`, a match of `_PHONE`, has as many digits as a phone number and is neither a date nor a price."""
    digits = sum(character.isdigit() for character in number)
    least, most = (8, 15) if number.startswith(("+", "00")) else (9, 12)
    return least <= digits <= most and not _DATE.match(number) and not _THOUSANDS.fullmatch(number)


def _mask_phone(match: re.Match[str]) -> str:
    return "[phone]" if _is_phone(match[0]) else match[0]


def _mask_called(match: re.Match[str]) -> str:
    """Masks the digits after a word such as "call": fewer digits than elsewhere are enough, in any grouping."""
    number = match[2]
    return match[0] if _DATE.match(number) or _THOUSANDS.fullmatch(number) else f"{match[1]}[phone]"


_STEPS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (_LINK, "[link]"),
    (_EMAIL, "[email]"),
    (_HANDLE, "[handle]"),
    (_LONG, _mask_number),
    (_PHONE, _mask_phone),
    (_CALLED, _mask_called),
)
