"""What tasks that share a writer differ in: how their rows become prompts and answers of a language model. No torch."""

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
Example = tuple[Any, str]  # what is read, as the task has it, and the answer to it


class Prompting(ABC, Generic[TaskOptions, Data, AnyCodec]):
    """One for each task; `WriterCandidate` and `UntunedCandidate` ask it."""

    codec_name: ClassVar[str]
    """As `register_codecs` has it."""
    read_limit: ClassVar[tuple[str, str]]
    """Of what is read: the option of the task, which is a setting of the codec too, and `Length.loss`."""
    written_limit: ClassVar[tuple[str, str]]
    """The same of what is written."""

    @abstractmethod
    def problems(self, options: TaskOptions) -> list[str]:
        """What is wrong with the task's options, told when the recipe is composed."""

    @abstractmethod
    def settings(self, tokenizer: Any, network: Any, options: TaskOptions) -> dict[str, Any]:
        """Of the codec. tokenizer: transformers', or a `Described`. network: a model of transformers, or its configs alone.

        Raises InputError for a backbone that cannot be prompted.
        """

    @abstractmethod
    def window(self, settings: Settings, network: Any) -> tuple[int, int]:
        """Tokens of a prompt and its answer, or of an encoder-decoder model's source; and those of its answer.

        Raises InputError where the backbone's positions are fewer.
        """

    @abstractmethod
    def codec(self, settings: Settings, resources: Path) -> AnyCodec: ...

    @abstractmethod
    def examples(self, data: Data, split: str) -> Sequence[Example]:
        """Of every answer of a split, ``train`` or ``validation``."""

    @abstractmethod
    def pair(self, codec: AnyCodec, example: Example) -> Pair: ...

    @abstractmethod
    def text(self, example: Example) -> str:
        """All that an example says, to find those that may be shown."""

    @abstractmethod
    def checks(self, codec: AnyCodec, settings: Settings, tokenizer: Any) -> tuple[Check, ...]:
        """What the codec does in its own way, held to transformers' tokenizer."""

    @abstractmethod
    def references(self, codec: AnyCodec, network: Any, requests: Sequence[Request]) -> list[Reference]:
        """What transformers' `generate` answers to requests made of these."""

    def refers(self, codec: AnyCodec) -> bool:
        """Whether `references` can say what the codec will answer."""
        return True

    def details(self, settings: Settings) -> Mapping[str, str]:
        """Facts for people beside those of every writer."""
        return {}

    def reading(self, options: TaskOptions) -> Length:
        return _length(self.read_limit, options)

    def writing(self, options: TaskOptions) -> Length:
        return _length(self.written_limit, options)

    def misfits(self, options: TaskOptions, candidate: Writing | Untuned) -> list[str]:
        """Why a backbone cannot be prompted with as many tokens as the options allow; of GGUF not converted yet, nothing."""
        length = self.reading(options)
        try:
            found = described(candidate, length.tokens, f"{length.key}=")
            if found is not None:
                self.window(self.settings(*found, options), found[1])
        except InputError as error:
            return list(error.problems)
        return []


def _length(limit: tuple[str, str], options: object) -> Length:
    name, loss = limit
    return Length(f"task.{name}", getattr(options, name), loss)
