"""The part of a writer that depends on the task: how rows become prompts and answers. No torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from framework import Check, Codec, InputError, Reference, Request, Settings
from framework_text.generation.offline_tokenizer import described
from framework_text.generation.options import Untuned, Writing
from framework_text.generation.pairs import Length, Pair

TaskOptions = TypeVar("TaskOptions")
Data = TypeVar("Data")
AnyCodec = TypeVar("AnyCodec", bound=Codec)
Example = tuple[Any, str]  # the input of a row, in the task's own form, and its answer


class Prompting(ABC, Generic[TaskOptions, Data, AnyCodec]):
    """How a task prompts a language model, for `WriterCandidate` and `UntunedCandidate`."""

    codec_name: ClassVar[str]
    """The name under which `register_codecs` registers the codec."""
    read_limit: ClassVar[tuple[str, str]]
    """The limit on reading: the name that both the task's option and the codec's setting have, and `Length.loss`."""
    written_limit: ClassVar[tuple[str, str]]
    """The limit on writing: name and loss as in `read_limit`."""

    @abstractmethod
    def problems(self, options: TaskOptions) -> list[str]:
        """Problems of the task's options, found when the recipe is composed."""

    @abstractmethod
    def settings(self, tokenizer: Any, network: Any, options: TaskOptions) -> dict[str, Any]:
        """The codec's settings.

        tokenizer: transformers', or a `Described`. network: a model of transformers, or its configs alone.
        Raises InputError for a backbone that cannot be prompted.
        """

    @abstractmethod
    def window(self, settings: Settings, network: Any) -> tuple[int, int]:
        """Two limits of the graphs, in tokens: of a prompt and its answer together, or, for an encoder-decoder model, of a
        source; and of an answer.

        Raises InputError where the backbone has fewer positions.
        """

    @abstractmethod
    def codec(self, settings: Settings, resources: Path) -> AnyCodec: ...

    @abstractmethod
    def examples(self, data: Data, split: str) -> Sequence[Example]:
        """One example for every answer of a split, ``train`` or ``validation``."""

    @abstractmethod
    def pair(self, codec: AnyCodec, example: Example) -> Pair:
        """An example in tokens."""

    @abstractmethod
    def text(self, example: Example) -> str:
        """The whole text of an example, to find examples without personal data."""

    @abstractmethod
    def checks(self, codec: AnyCodec, settings: Settings, tokenizer: Any) -> tuple[Check, ...]:
        """Checks of the codec against transformers' tokenizer."""

    @abstractmethod
    def references(self, codec: AnyCodec, network: Any, requests: Sequence[Request]) -> list[Reference]:
        """Requests for greedy answers, made from `requests`, each with the answer of transformers' `generate`."""

    def refers(self, codec: AnyCodec) -> bool:
        """Whether the codec's answers can be compared with `references`."""
        return True

    def details(self, settings: Settings) -> Mapping[str, str]:
        """Further facts of the model, beside those of every writer."""
        return {}

    def reading(self, options: TaskOptions) -> Length:
        """The limit on reading."""
        return _length(self.read_limit, options)

    def writing(self, options: TaskOptions) -> Length:
        """The limit on writing."""
        return _length(self.written_limit, options)

    def misfits(self, options: TaskOptions, candidate: Writing | Untuned) -> list[str]:
        """Why a backbone cannot read as many tokens as the options allow; empty for a GGUF file that is not converted yet."""
        length = self.reading(options)
        try:
            description = described(candidate, length.tokens, f"{length.key}=")
            if description is not None:
                self.window(self.settings(*description, options), description[1])
        except InputError as error:
            return list(error.problems)
        return []


def _length(limit: tuple[str, str], options: object) -> Length:
    name, loss = limit
    return Length(f"task.{name}", getattr(options, name), loss)
