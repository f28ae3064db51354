"""How a page draws an answer: hints of a codec, so that a task needs no HTML of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class DrawnFields:
    """The first text of the response, then its other fields by name."""


@dataclass(frozen=True)
class DrawnLabel:
    """A label, with a bar for the probability of each one."""

    label: str = "label"
    """The field that holds the label."""
    probabilities: str = "probabilities"
    """The field that holds the probability of each label, an object."""
    unsure: str = "abstains"
    """The field that says whether the model is not sure enough; it may be missing."""


@dataclass(frozen=True)
class DrawnSpans:
    """Parts of the request's text, marked with their labels."""

    spans: str = "entities"
    """The field with a list of ``{"start", "end", "label"}`` and maybe ``score``; places are counted in characters."""
    text: str = "text"
    """The field of the request that they are parts of."""
    tokens: str = "tokens"
    """The field of the request with a list of words, where there is no text: they are joined by spaces."""


@dataclass(frozen=True)
class DrawnRanking:
    """A list, the best first."""

    items: str = "items"
    """The field that holds the list, of objects."""
    title: str = "title"
    """The field of an item that is shown; where an item has none, its id is."""
    id: str = "item"
    score: str = "score"
    """The field of an item that holds its score; it may be missing."""


Drawing = DrawnFields | DrawnLabel | DrawnSpans | DrawnRanking
_KINDS = {DrawnFields: "fields", DrawnLabel: "label", DrawnSpans: "spans", DrawnRanking: "ranking"}


def plain_drawing(drawing: Drawing) -> Mapping[str, str]:
    """The hints as the script of the pages reads them."""
    return {"kind": _KINDS[type(drawing)], **asdict(drawing)}


def drawn_fields(drawing: Drawing) -> list[str]:
    """The fields that every response must have to be drawn so."""
    if isinstance(drawing, DrawnLabel):
        return [drawing.label, drawing.probabilities]
    if isinstance(drawing, DrawnSpans):
        return [drawing.spans]
    return [drawing.items] if isinstance(drawing, DrawnRanking) else []
