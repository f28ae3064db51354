"""The contract of a codec, which turns a request into calls of graphs, and the outputs of the graphs into a response."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from framework.contracts.graph import Json, Request, Response, Tensors
from framework.contracts.serving.drawing import Drawing, DrawnFields

Settings = Mapping[str, Json]  # plain data, as JSON holds it


@dataclass(frozen=True)
class CodecSpec:
    """The codec of a fitted candidate: its registered name and its settings."""

    name: str
    """The name that `register_codecs` registers."""
    settings: Settings = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One call of a graph that a codec asks for. The runtime batches the calls of many requests.

    `parents`, `begins` and `rewinds` say from which state a graph with state starts.
    """

    graph: str
    feeds: Tensors
    """By input, each with a batch axis; a request may fill several rows of it, such as the beams of a search."""
    parents: Sequence[int] | None = None
    """For each row of this call, the row of the request's previous call whose state it continues; None: the row at the same
    position."""
    begins: bool = False
    """The call starts from an empty state and drops what earlier calls of the request left."""
    rewinds: bool = False
    """The call continues from the state after the last call with `begins`, or after the request's first call, and drops what
    later calls appended. Not allowed after `parents` reordered rows."""


@dataclass(frozen=True)
class Event:
    """A part of an answer that a codec reports before its response is complete, such as a generated token."""

    data: Response


Steps = Generator[Call | Event, Tensors, Response]


@dataclass(frozen=True)
class Interface:
    """Requests and responses of a codec, as JSON Schema in the form of OpenAPI 3.0. The server's pages are made from it."""

    request: Mapping[str, Json]
    """Schema of one request. `Codec.parse` accepts every request that fits it."""
    response: Mapping[str, Json]
    """Schema of the response to one request."""
    example: Json
    """A request that works unchanged, and is no row of the training data."""
    drawing: Drawing = field(default_factory=DrawnFields)
    """How a page draws the response."""
    page: str = ""
    """The surface whose page is shown first; empty: the first surface that serves the codec."""
    golden_overrides: Mapping[str, Json] = field(default_factory=dict)
    """Request fields that keep an answer short, set in golden examples, because every process that opens the artifact answers
    them."""
    deterministic_overrides: Mapping[str, Json] = field(default_factory=dict)
    """Request fields that make an otherwise sampled answer repeatable, set wherever rows are judged or files are compared."""
    is_argmax: bool = True
    """Whether the response to a request with default fields follows from the argmax of `Graph.decides` alone; False for a codec
    that searches, samples or penalizes."""


class Codec(Protocol):
    """Turns a request into calls of graphs and their outputs into a response, with numpy and tokenizers only.

    A server uses one codec object in several threads at once, but each generator of `start` in one thread at a time.
    """

    version: int
    """Raised when the codec can no longer read the settings and resources of artifacts that an older version sealed."""

    def __init__(self, settings: Settings, resources: Path) -> None:
        """settings: plain data from the manifest. resources: the folder of the codec's files."""
        ...

    def parse(self, request: Json) -> Request:
        """Converts a request as a client writes it (a string, a row of a file) to its fields. Raises InputError."""
        ...

    def start(self, request: Request) -> Steps:
        """A generator that yields each `Call`, is sent its outputs, may yield an `Event`, and returns the response."""
        ...

    def flatten(self, response: Response) -> dict[str, str]:
        """The response as columns of a CSV file."""
        ...

    def interface(self) -> Interface: ...

    @staticmethod
    def odd_requests() -> list[Request]:
        """Edge cases: an empty request, the shortest, one longer than the limit, one with unusual characters."""
        ...


@runtime_checkable
class Scores(Protocol):
    """A codec that can tell how likely the model finds given targets."""

    def score(self, request: Request, targets: Request) -> Steps:
        """A generator like that of `start`, whose response holds the model's scores of the row's targets.

        Calls that `score` and `start` have in common at the beginning, such as the prompt of a decoder, are run once for both.
        """
        ...


@dataclass(frozen=True)
class ConversationTurn:
    """The model's next message in a conversation."""

    content: str
    finish_reason: str
    """``stop``: the model ended it, or a stop text did; ``length``: a limit did."""
    prompt_tokens: int
    completion_tokens: int
    dropped_messages: int = 0
    """How many of the oldest messages were not read, for lack of context."""
    shortened_messages: int = 0
    """How many messages were read in part only."""


@runtime_checkable
class Converses(Protocol):
    """A codec that continues a conversation. Its events are ``{"text": piece}``; the pieces joined are the answer."""

    def converse(self, messages: Json, options: Mapping[str, Json]) -> Request:
        """The request for the next message of a conversation.

        messages: in the form of OpenAI's chat interface. options: any of ``max_tokens``, ``temperature``, ``top_p``, ``top_k``,
        ``repetition_penalty``, ``seed`` and ``stop``. Raises InputError.
        """
        ...

    def turn(self, response: Response) -> ConversationTurn:
        """The next message, from the response to such a request."""
        ...


@runtime_checkable
class Growing(Protocol):
    """A codec over tables of items to which items can be added after sealing.

    A new item goes through `parse_addition` and `adding`; if `check_new` allows it, the response of `adding`, the kept item, is
    stored. Every process then appends `rows` to its tables, between `describe` and `add`.
    """

    def find(self, text: str, most: int) -> list[Response]:
        """At most `most` items: the one with this id, then those whose id or title contains the text, most popular first."""
        ...

    def check_new(self, item: str) -> None:
        """Raises InputError for the id of an item that exists already."""
        ...

    def parse_addition(self, entry: Json) -> Request:
        """Converts a new item as a client writes it to its fields. Raises InputError."""
        ...

    def adding(self, entry: Request) -> Steps:
        """A generator like that of `start`, whose response is the kept item: the plain data that is stored of it."""
        ...

    def rows(self, kept: Sequence[Response]) -> Tensors:
        """The rows that kept items append to each table of the graphs, by table; changes nothing.

        Raises InputError, KeyError, TypeError or ValueError for data that are no kept items of this codec.
        """
        ...

    def describe(self, kept: Sequence[Response]) -> None:
        """Prepares the codec for responses with these items; called before their rows are in the tables."""
        ...

    def add(self, kept: Sequence[Response]) -> None:
        """Allows requests to name these items; called once their rows are in the tables."""
        ...


Reference = tuple[Request, Response]  # a request and its answer by an independent implementation


@dataclass(frozen=True)
class Check:
    """A comparison of a part of the codec with an independent reference, such as the tokenizer of transformers."""

    name: str
    run: Callable[[Sequence[Request]], list[int]]
    """Returns the indices of the requests on which codec and reference disagree."""
