"""How a page draws a response: hints of a codec, so that a task needs no HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class DrawnFields:
    """Draws the first text of the response, then its other fields by name."""


@dataclass(frozen=True)
class DrawnLabel:
    """Draws a label, and a bar for the probability of each label."""

    label: str = "label"
    """The field that holds the label."""
    probabilities: str = "probabilities"
    """The field that holds the probability of each label, an object."""
    unsure: str = "abstains"
    """The field that tells whether the model abstains; it may be missing."""
    familiar: str = "familiar"
    """The field that tells whether the model was made for such requests; it may be missing."""


@dataclass(frozen=True)
class DrawnLabels:
    """Draws any number of labels, and a bar for the probability of each label; those of the answer are marked."""

    labels: str = "labels"
    """The field that holds the list of labels."""
    probabilities: str = "probabilities"
    """The field that holds the probability of each label, an object."""


@dataclass(frozen=True)
class DrawnSpans:
    """Draws the request's text with labelled spans marked in it."""

    spans: str = "entities"
    """The field with a list of ``{"start", "end", "label"}`` and optionally ``score``; positions are in characters."""
    text: str = "text"
    """The field of the request with the text."""
    tokens: str = "tokens"
    """The field of a request without a text that holds a list of words; they are joined by spaces."""


@dataclass(frozen=True)
class DrawnRanking:
    """Draws a ranked list of items, the best first."""

    items: str = "items"
    """The field that holds the list of items, which are objects."""
    title: str = "title"
    """The field of an item that is shown; an item without it is shown by its id."""
    id: str = "item"
    """The field of an item that holds its id."""
    score: str = "score"
    """The field of an item that holds its score; it may be missing."""


Drawing = DrawnFields | DrawnLabel | DrawnLabels | DrawnSpans | DrawnRanking
_KINDS = {
    DrawnFields: "fields",
    DrawnLabel: "label",
    DrawnLabels: "labels",
    DrawnSpans: "spans",
    DrawnRanking: "ranking",
}


def plain_drawing(drawing: Drawing) -> Mapping[str, str]:
    """The hints as the script of the pages reads them."""
    return {"kind": _KINDS[type(drawing)], **asdict(drawing)}


def drawn_fields(drawing: Drawing) -> list[str]:
    """The fields of a response that this drawing needs."""
    if isinstance(drawing, DrawnLabel):
        return [drawing.label, drawing.probabilities]
    if isinstance(drawing, DrawnLabels):
        return [drawing.labels, drawing.probabilities]
    if isinstance(drawing, DrawnSpans):
        return [drawing.spans]
    return [drawing.items] if isinstance(drawing, DrawnRanking) else []
