"""What turns a request into calls of graphs, and their outputs into a response."""

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
    """Which codec a fitted candidate answers through."""

    name: str
    """As `register_codecs` has it."""
    settings: Settings = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """A codec asks for one run of a graph. Every feed has a batch axis; the runtime joins calls of many requests.

    parents: for each row the row of the request's last call of a graph with state that it goes on from; None: its own.
    begins: it goes on from none: what earlier calls of the request left is let go.
    rewinds: it goes on from what the request's first call since it last began left; what was appended since is let go. Not
        after rows have branched.
    """

    graph: str
    feeds: Tensors
    parents: Sequence[int] | None = None
    begins: bool = False
    rewinds: bool = False


@dataclass(frozen=True)
class Event:
    """Something a codec says on the way to its response, such as a generated token."""

    data: Response


Steps = Generator[Call | Event, Tensors, Response]


@dataclass(frozen=True)
class Interface:
    """What a codec takes and gives, as JSON Schema in the form of OpenAPI 3.0. The server's pages are made from it.

    request: of one request; everything it allows, `Codec.parse` takes. response: of the answer to one.
    example: a request that works as it stands; no row of anyone's data.
    drawing: how a page draws the answer.
    page: the surface whose page people see first; empty: the first of those that serve the codec.
    golden_overrides: what makes a request short to answer, for golden examples, which are answered wherever an artifact is
        opened.
    deterministic_overrides: what makes a request, whose answer is drawn, be answered the same each time; rows are judged and
        proven with it.
    is_argmax: whether a request that says nothing of it is answered by the argmax of what the graphs decide alone; a codec that
        searches, draws or penalizes does otherwise.
    """

    request: Mapping[str, Json]
    response: Mapping[str, Json]
    example: Json
    drawing: Drawing = field(default_factory=DrawnFields)
    page: str = ""
    golden_overrides: Mapping[str, Json] = field(default_factory=dict)
    deterministic_overrides: Mapping[str, Json] = field(default_factory=dict)
    is_argmax: bool = True


class Codec(Protocol):
    """Turns a request into calls and their outputs into a response, with numpy and tokenizers only.

    It is built from its settings (plain data in the manifest) and the folder that holds its resources. A server calls one
    codec from several threads at once, each request's generator from one at a time.
    """

    version: int  # raised when artifacts sealed before can no longer be read

    def __init__(self, settings: Settings, resources: Path) -> None: ...

    def parse(self, request: Json) -> Request:
        """A request as a person writes it (a string, a row of a file) -> its fields. Raises InputError."""
        ...

    def start(self, request: Request) -> Steps:
        """Yields `Call` and is sent its outputs, may yield `Event`, returns the response."""
        ...

    def flatten(self, response: Response) -> dict[str, str]:
        """The response as columns of a CSV file."""
        ...

    def interface(self) -> Interface: ...

    @staticmethod
    def odd_requests() -> list[Request]:
        """Requests at the edges: empty, shortest, longer than the limit, unusual characters."""
        ...


@runtime_checkable
class Scores(Protocol):
    """A codec that says how likely the answers are that rows hold."""

    def score(self, request: Request, targets: Request) -> Steps:
        """Steps as those of `start` whose response is what the model says of the row's targets, by column.

        Calls that both begin with, up to the first of a graph with state, such as reading a prompt, are run once.
        """
        ...


@dataclass(frozen=True)
class ConversationTurn:
    """What a codec answers to a conversation."""

    content: str
    finish_reason: str
    """``stop``: it ended by itself or at a stop text; ``length``: at a limit."""
    prompt_tokens: int
    completion_tokens: int
    dropped_messages: int = 0
    """The oldest, which were not read."""
    shortened_messages: int = 0
    """Of which only a part was read."""


@runtime_checkable
class Converses(Protocol):
    """A codec that holds a conversation. Its events are ``{"text": piece}``, and the pieces make the answer."""

    def converse(self, messages: Json, options: Mapping[str, Json]) -> Request:
        """The request that asks for the next message.

        messages: as OpenAI's chat interface has them. options: any of ``max_tokens``, ``temperature``, ``top_p``, ``top_k``,
        ``repetition_penalty``, ``seed`` and ``stop``. Raises InputError.
        """
        ...

    def turn(self, response: Response) -> ConversationTurn:
        """The message that a response is."""
        ...


@runtime_checkable
class Growing(Protocol):
    """A codec over tables that grow: its items can be looked for, and may become more after sealing."""

    def find(self, text: str, most: int) -> list[Response]:
        """The item of that id, then those whose id or title holds the text, the most popular first."""
        ...

    def check_new(self, item: str) -> None:
        """Raises InputError for an item that is there already."""
        ...

    def parse_addition(self, entry: Json) -> Request:
        """An item to add, as a person writes it. Raises InputError."""
        ...

    def adding(self, entry: Request) -> Steps:
        """Steps as those of `start`, which return what is kept of the new item, as plain data."""
        ...

    def rows(self, kept: Sequence[Response]) -> Tensors:
        """What items that were kept append to the tables of the graphs; changes nothing.

        Raises InputError, KeyError, TypeError or ValueError for what was not kept of this codec's items.
        """
        ...

    def describe(self, kept: Sequence[Response]) -> None:
        """Answers may hold these items from here on; their rows are about to stand in the tables."""
        ...

    def add(self, kept: Sequence[Response]) -> None:
        """From here on requests may name these items; their rows are in the tables."""
        ...


Reference = tuple[Request, Response]  # a request and its answer by an independent implementation


@dataclass(frozen=True)
class Check:
    """An independent reference for part of the codec, such as transformers' own tokenizer."""

    name: str
    run: Callable[[Sequence[Request]], list[int]]
    """Returns the numbers of the requests on which codec and reference disagree."""
