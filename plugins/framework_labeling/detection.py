"""Detects the tagging scheme of training rows by their tags."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from framework import InputError, joined, message, nearest
from framework_labeling.schemes import IO, LETTERS, OUTSIDE, PLAIN, SCHEMES, Scheme, count_impossible

AUTO = "auto"
SHOWN = 5  # tags named in a message
MOSTLY = 0.9  # where at least this share of the tagged tokens is in a scheme, the remaining tags are mistakes
_ALL = "BIMELSUW"
# Separator, whether the letter stands last, pattern; the first wins where tags fit several, such as PER-B-I.
_TAG_LAYOUTS: tuple[tuple[str, bool, re.Pattern[str]], ...] = (
    ("-", False, re.compile(rf"([{_ALL}])-(.*)", re.S)),
    ("_", False, re.compile(rf"([{_ALL}])_(.*)", re.S)),
    ("-", True, re.compile(rf"(?P<label>.+)-(?P<letter>[{_ALL}])", re.S)),
    ("_", True, re.compile(rf"(?P<label>.+)_(?P<letter>[{_ALL}])", re.S)),
)


def find_scheme(rows: Iterable[Sequence[str]], name: str = AUTO) -> Scheme:
    """The scheme of the tags of training rows, with the reason for it.

    name: one of `SCHEMES`, the user's choice, or `AUTO`. Raises InputError where every token is outside, where the chosen
    scheme does not fit, and where most tags are written in a scheme but some are not.
    """
    rows = list(rows)
    counts = Counter(tag for row in rows for tag in row)
    if name not in (AUTO, *SCHEMES):
        raise InputError(f"task.scheme={name} does not exist; {nearest(name, (AUTO, *SCHEMES))}")
    if not counts or set(counts) == {OUTSIDE}:
        raise InputError(
            f"every tag of the training rows is {OUTSIDE}: there is nothing to learn; name the column of the tags (data.tags=)"
        )
    if name in (PLAIN, IO):
        return Scheme(name, reason=message("as the recipe says"))
    separator, suffix, letters = _tag_layout(counts)
    strays = [tag for tag in counts if tag != OUTSIDE and tag not in letters]
    inside = counts.total() - counts[OUTSIDE]
    if name != AUTO:
        _refuse(strays, counts, name)
        _check_letters(letters, name)
        return Scheme(name, separator, suffix, "as the recipe says")
    fitting = [scheme for scheme in LETTERS if set(letters.values()) <= set(LETTERS[scheme])]
    in_scheme = sum(counts[tag] for tag in letters)
    if strays and in_scheme >= MOSTLY * inside:
        _refuse(strays, counts, fitting[0] if fitting else "BIO")
    if strays or not fitting or not _has_beginnings(letters):
        return _without_letters(counts)
    return _best_scheme(rows, fitting, set(letters.values()), Scheme("BIO", separator, suffix))


def _tag_layout(counts: Mapping[str, int]) -> tuple[str, bool, dict[str, str]]:
    """(separator, whether the letter stands last, tag -> letter) of the layout that most tokens have."""
    bare = {tag: tag for tag in counts if tag in set(_ALL)}
    best: tuple[str, bool, dict[str, str]] = ("-", False, bare)
    most = sum(counts[tag] for tag in bare)
    for separator, suffix, pattern in _TAG_LAYOUTS:
        matches = {tag: match for tag in counts if (match := pattern.fullmatch(tag))}
        letters = {tag: match["letter" if suffix else 1] for tag, match in matches.items()} | bare
        if (covered := sum(counts[tag] for tag in letters)) > most:
            best, most = (separator, suffix, letters), covered
    return best


def _has_beginnings(letters: Mapping[str, str]) -> bool:
    """Whether the letters mark spans. Letters without labels do so only where B is among them: S may be a part of speech."""
    labelled = any(tag != letter for tag, letter in letters.items())
    return labelled or {"B"} < set(letters.values())


def _refuse(strays: Sequence[str], counts: Counter[str], name: str) -> None:
    """Raises InputError for tags that are not written in the scheme, if there are any."""
    if strays:
        shown = ", ".join(f"{tag!r} ({counts[tag]:,} tokens)" for tag in strays[:SHOWN])
        more = f" and {len(strays) - SHOWN:,} more" if len(strays) > SHOWN else ""
        raise InputError(
            f"tags are written in {name}, but not all: {shown}{more}; write them as B-LABEL and I-LABEL or as {OUTSIDE}, "
            f"or set task.scheme={PLAIN} if every token has a tag of its own"
        )


def _check_letters(letters: Mapping[str, str], name: str) -> None:
    """Raises InputError for letters that the scheme does not have."""
    if unknown := sorted(set(letters.values()) - set(LETTERS[name])):
        raise InputError(
            f"task.scheme={name} has the letters {', '.join(LETTERS[name])}; the tags also have {', '.join(unknown)}"
        )


def _without_letters(counts: Counter[str]) -> Scheme:
    """The scheme of tags without letters: IO where most tokens are outside, otherwise plain tags."""
    if counts[OUTSIDE] * 2 > counts.total():
        reason = message(
            "tags are bare labels and most tokens are {outside}: neighbours with the same label are read as one span; "
            "task.scheme={plain} would let each stand alone",
            outside=OUTSIDE,
            plain=PLAIN,
        )
        return Scheme(IO, reason=reason)
    why = [message("tags have no letters that begin and continue spans: every token has a tag of its own")]
    if all(tag.isdigit() for tag in counts):
        why.append(message("they are numbers: if these stand for names such as B-LABEL, write the names"))
    return Scheme(PLAIN, reason=joined(why, "; "))


def _best_scheme(rows: Sequence[Sequence[str]], fitting: Sequence[str], letters: set[str], scheme: Scheme) -> Scheme:
    """Of the schemes in `fitting`, the one with the fewest impossible transitions; of equals the first.

    letters: all letters of the tags. scheme: separator and position of the letter.
    """
    if letters <= {"B", "I"}:
        fitting = ["BIO", "IOB1"]  # a scheme with letters for ends would use them
    broken = {name: sum(count_impossible(row, replace(scheme, name=name)) for row in rows) for name in fitting}
    name = min(broken, key=broken.__getitem__)
    equal = [other for other in broken if broken[other] == broken[name] and other != name]
    why = message("the letters are {letters}", letters=", ".join(sorted(letters)))
    if len(broken) > 1 and not equal:
        why = message(
            "{why}, and as {name} {count:,} places would be impossible, as {worst} {most:,}",
            why=why,
            name=name,
            count=broken[name],
            worst=max(broken, key=broken.__getitem__),
            most=max(broken.values()),
        )
    if equal:
        why = message("{why}, which fits {others} too; the spans are the same", why=why, others=joined(equal, " and "))
    return replace(scheme, name=name, reason=why)
