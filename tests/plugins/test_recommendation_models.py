"""Recommenders: each learns what two groups of users want, is exported with dynamic axes, and equals itself there."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from framework import Budget, FitContext, InputError, Metric, Section, available_memory
from framework_recommendation import models, readiness
from framework_recommendation.interactions import HeldOutUsers, Interactions
from framework_recommendation.models import SideInformation, Trained, ease, item_knn, training
from framework_recommendation.models.bpr import Factors
from framework_recommendation.models.ranking import ndcg, quality
from framework_recommendation.models.rows import binary, padded
from framework_recommendation.models.storage import load_network, save_network
from framework_recommendation.options import (
    BprOptions,
    EaseOptions,
    HybridOptions,
    ItemKnnOptions,
    MultVaeOptions,
    PopularityOptions,
    SasrecOptions,
)
from framework_recommendation.validation import option_problems

CATALOGUE, GROUP = 20, 10  # items 1 to 10 are for even users, 11 to 20 for odd ones
OPTIONS: dict[str, type] = {
    "popularity": PopularityOptions,
    "item_knn": ItemKnnOptions,
    "ease": EaseOptions,
    "hybrid": HybridOptions,
    "bpr": BprOptions,
    "mult_vae": MultVaeOptions,
    "sasrec": SasrecOptions,
}
SMALL: dict[str, Any] = {"dimensions": 8, "batch_size": 8, "learning_rate": 0.02, "dropout": 0.1, "minutes": None}
EPOCHS = {"bpr": 8, "mult_vae": 8, "sasrec": 12, "hybrid": 8}


@pytest.fixture(scope="module")
def split() -> tuple[Interactions, HeldOutUsers]:
    """40 users of two groups, eight items each in random order; two more are held out."""
    random = np.random.default_rng(0)
    rows = [random.permutation(GROUP) + 1 + GROUP * (user % 2) for user in range(40)]
    train = Interactions.of([row[:8] for row in rows], CATALOGUE)
    return train, HeldOutUsers(train, Interactions.of([row[8:] for row in rows], CATALOGUE))


@pytest.fixture(scope="module")
def side() -> SideInformation:
    """Texts say of which group an item is, and the first attribute of which group a user is."""
    texts = np.zeros((CATALOGUE + 1, 3), np.float32)
    texts[1 : GROUP + 1, 0] = texts[GROUP + 1 :, 1] = 1.0
    attributes = np.stack([np.arange(40) % 2 + 1, np.full(40, 3)], axis=1)
    return SideInformation(texts, attributes, attributes)


def context(folder: Path, options: Any, **changes: Any) -> FitContext[Any, Any]:
    trainer = {"accelerator": "cpu", "precision": "32-true", "enable_progress_bar": False}
    shown: list[Section] = []
    return FitContext(None, options, Metric("ndcg@10"), 0, folder, folder, shown.append, trainer=trainer, **changes)


def fitted(name: str, split: tuple[Interactions, HeldOutUsers], side: SideInformation, folder: Path, **options: Any) -> Trained:
    if name in EPOCHS:
        options = {**SMALL, "epochs": EPOCHS[name], **options}
        options |= {} if name == "mult_vae" else {"negatives": 16}
    chosen = OPTIONS[name](**options)
    return models.ALGORITHMS[name](*split, chosen, context(folder, chosen), side)


@pytest.mark.parametrize("name", models.ALGORITHMS)
def test_learns_exports_and_equals_itself(
    name: str, split: tuple[Interactions, HeldOutUsers], side: SideInformation, tmp_path: Path
) -> None:
    trained = fitted(name, split, side, tmp_path)
    held_out = split[1]
    if name != "popularity":
        assert quality(trained, held_out, 0, side) > 0.9  # the only two items of the group that are left
        new = trained.scores(torch.tensor([[1, 2, 0], [12, 11, 13], [0, 0, 0]]), torch.tensor([[1, 3], [2, 3], [0, 0]]))
        assert new[0, 3 : GROUP + 1].mean() > new[0, GROUP + 1 :].max()
        assert new[1, GROUP + 4 :].mean() > new[1, 1 : GROUP + 1].max()
        assert torch.isfinite(new).all()
    for run in (onnx_of(trained, tmp_path / "model.onnx"), traced(trained)):
        for rows, length in ((1, 1), (3, 5), (5, 8)):
            history, attributes = feeds(rows, length)
            with torch.no_grad():
                wanted = trained.network(history, attributes).numpy()
            np.testing.assert_allclose(run(history, attributes), wanted, atol=1e-5)


def feeds(rows: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Histories of all lengths, among them, last, one that is all padding."""
    random = np.random.default_rng(rows)
    history = random.integers(1, CATALOGUE + 1, (rows, length))
    history[-1] = 0
    for row in range(rows - 1):
        history[row, 1 + random.integers(0, length) :] = 0
    return torch.from_numpy(history), torch.from_numpy(random.integers(0, 5, (rows, 2)))


def onnx_of(trained: Trained, path: Path) -> Any:
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length", max=trained.max_history)
    shapes = ({0: batch, 1: length if trained.max_history > 1 else torch.export.Dim("length")}, {0: batch})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(trained.network, feeds(3, 5), dynamo=True, dynamic_shapes=shapes, verbose=False)
    assert program is not None
    program.save(path)
    session = onnxruntime.InferenceSession(path)
    names = [given.name for given in session.get_inputs()]

    def run(*inputs: torch.Tensor) -> Any:
        return session.run(None, {name: given.numpy() for name, given in zip(names, inputs, strict=False)})[0]

    return run


def traced(trained: Trained) -> Any:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        module = torch.jit.trace(trained.network, feeds(3, 5))

    def run(*inputs: torch.Tensor) -> Any:
        with torch.no_grad():
            return module(*inputs).numpy()

    return run


@pytest.mark.parametrize("name", ["bpr", "mult_vae", "sasrec", "hybrid"])
def test_the_seed_decides(name: str, split: tuple[Interactions, HeldOutUsers], side: SideInformation, tmp_path: Path) -> None:
    once, again = (fitted(name, split, side, tmp_path / str(turn), epochs=2) for turn in range(2))
    assert once.items is not None
    assert again.items is not None
    np.testing.assert_array_equal(once.items, again.items)


def test_ease_equals_the_closed_form(split: tuple[Interactions, HeldOutUsers], side: SideInformation, tmp_path: Path) -> None:
    trained = fitted("ease", split, side, tmp_path, regularization=3.0, all_rows=False)
    assert trained.held_out_items is None
    dense = binary(split[0]).toarray()[:, 1:].astype(np.float64)
    inverse = np.linalg.inv(dense.T @ dense + 3.0 * np.eye(CATALOGUE))
    weights = np.eye(CATALOGUE) - inverse / np.diag(inverse)
    scores = trained.scores(torch.from_numpy(padded(split[0], 100)))[:, 1:].numpy()
    np.testing.assert_allclose(scores, dense @ weights, atol=1e-4)
    assert not trained.items[0].any() if trained.items is not None else False


def test_ease_learns_what_validation_users_took_and_keeps_what_it_was_before(
    split: tuple[Interactions, HeldOutUsers], side: SideInformation, tmp_path: Path
) -> None:
    train, held_out = split
    before = fitted("ease", split, side, tmp_path / "before", regularization=3.0, all_rows=False)
    trained = fitted("ease", split, side, tmp_path / "after", regularization=3.0)
    assert trained.held_out_items is not None
    assert trained.items is not None
    assert before.items is not None
    np.testing.assert_array_equal(trained.held_out_items, before.items)
    histories, relevant = (binary(part).toarray()[:, 1:] for part in (held_out.history, held_out.relevant))
    whole, dense = np.maximum(histories, relevant), binary(train).toarray()[:, 1:]
    expected = ease.closed_form(dense.T @ dense + whole.T @ whole - histories.T @ histories, 3.0)
    np.testing.assert_allclose(trained.items[1:], expected.T, atol=1e-5)
    assert not np.allclose(trained.items, before.items)


def test_the_regularization_is_what_ranks_best() -> None:
    assert ease.climb(lambda value: -abs(np.log(value) - np.log(90))) == 100
    assert ease.climb(lambda value: -abs(np.log(value) - np.log(3000))) == 3200
    assert ease.climb(lambda value: 0.0) == ease.FIRST


def test_ease_is_refused_where_memory_is_too_small(
    split: tuple[Interactions, HeldOutUsers], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "available_memory", lambda: 16 * 10**2)
    with pytest.raises(InputError, match=r"enough for 10 items: write candidates=\[item_knn\]"):
        fitted("ease", split, SideInformation(), tmp_path)


def test_item_knn_equals_a_dense_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    taken = Interactions.of([1 + random.choice(12, random.integers(1, 9), replace=False) for _ in range(50)], 12)
    dense = binary(taken).toarray()
    counts = dense.sum(0)
    similarity = dense.T @ dense / (np.sqrt(np.outer(counts, counts)) + 5.0)
    np.fill_diagonal(similarity, 0.0)
    for kept in (12, 4):
        threshold = np.sort(similarity, axis=1)[:, -kept][:, None]
        wanted = dense @ np.where(similarity >= threshold, similarity, 0.0)
        for cells in (10**6, 30):  # in one block, and in several
            monkeypatch.setattr(item_knn, "CELLS", cells)
            network = item_knn.Neighbours.of(*item_knn.similar(binary(taken), kept, 5.0))
            scores = network(torch.from_numpy(padded(taken, 12)), torch.zeros((50, 1), dtype=torch.int64)).numpy()
            if kept == 12 or np.unique(similarity, return_counts=True)[1].max() <= 2:
                np.testing.assert_allclose(scores[:, 1:], wanted[:, 1:], rtol=1e-4)
            assert (np.count_nonzero(network.weights, axis=1) <= kept).all()


def test_ndcg_counts_hits_by_rank_and_leaves_seen_items_out() -> None:
    scores = torch.tensor([[9.0, 8, 7, 6, 5], [9.0, 1, 2, 3, 4], [0, 1, 2, 3, 4]])
    known, relevant = Interactions.of([[1], [], []], 4), Interactions.of([[2, 4], [1], []], 4)
    found = ndcg(scores, known, relevant, k=3)
    assert found[0] == pytest.approx((1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3)))  # ranked 2, 3, 4
    assert found[1] == 0
    assert np.isnan(found[2])


def test_items_known_by_their_texts_are_scored_in_the_same_space(
    split: tuple[Interactions, HeldOutUsers], side: SideInformation, tmp_path: Path
) -> None:
    train, held_out = split
    unknown = HeldOutUsers(Interactions.of([[]] * train.users, CATALOGUE), train)  # by their attributes alone
    trained = fitted("hybrid", (train, unknown), side, tmp_path, epochs=15)
    assert quality(trained, unknown, 0, side) > 0.9
    assert quality(trained, held_out, 0, side) > 0.9
    added = trained.vectors_of(np.array([[1, 0, 0], [0, 1, 0]], np.float32))
    users = torch.tensor([[1, 5], [15, 11], [0, 0], [0, 0]]), torch.tensor([[0, 0], [0, 0], [1, 3], [2, 9]])
    with torch.no_grad():
        scores = trained.network(*users).numpy() @ added.T
    assert (scores.argmax(1) == [0, 1, 0, 1]).all()
    assert trained.uses_attributes


def test_attributes_speak_for_those_alone_who_took_nothing(
    split: tuple[Interactions, HeldOutUsers], side: SideInformation, tmp_path: Path
) -> None:
    trained = fitted("hybrid", split, side, tmp_path)
    history = torch.tensor([[1, 2], [0, 0]])
    one, other, unknown = (trained.scores(history, torch.full((2, 2), value)) for value in (1, 2, 0))
    assert torch.equal(one[0], other[0])
    assert not torch.equal(one[1], other[1])
    assert torch.equal(unknown, trained.scores(history, torch.full((2, 2), 1000)))  # a value that training did not have


def test_what_is_judged_and_kept_are_weights_averaged_over_steps(
    split: tuple[Interactions, HeldOutUsers], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The mean of three steps' weights with the shares that the decay gives them, or less in the first steps."""
    seen: list[torch.Tensor] = []
    kept = training.Training.on_train_batch_end

    def note(self: training.Training, *arguments: Any) -> None:
        seen.append(self.network.get_parameter("taken.weight").detach().clone())
        kept(self, *arguments)

    monkeypatch.setattr(training, "DECAY", 0.5)
    monkeypatch.setattr(training.Training, "on_train_batch_end", note)
    trained = fitted("bpr", split, SideInformation(), tmp_path, epochs=1, batch_size=16)
    assert len(seen) == 3
    torch.manual_seed(0)
    mean = Factors(CATALOGUE, SMALL["dimensions"], SMALL["dropout"], 16).taken.weight.detach()
    for steps, weights in enumerate(seen, start=1):
        mean = torch.lerp(mean, weights, 1 - min(0.5, (1 + steps) / (10 + steps)))
    torch.testing.assert_close(trained.network.get_parameter("taken.weight"), mean, atol=1e-6, rtol=0)


def test_a_hybrid_of_nothing_learns_from_who_took_what(split: tuple[Interactions, HeldOutUsers], tmp_path: Path) -> None:
    trained = fitted("hybrid", split, SideInformation(), tmp_path)
    assert quality(trained, split[1], 0) > 0.9
    assert (trained.uses_attributes, trained.projection) == (False, None)


@pytest.mark.parametrize("name", ["sasrec", "hybrid"])
def test_above_many_items_some_are_drawn(
    name: str, split: tuple[Interactions, HeldOutUsers], side: SideInformation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getattr(models, name), "FULL_SOFTMAX", 10)
    assert quality(fitted(name, split, side, tmp_path), split[1], 0, side) > 0.9


def test_where_nothing_can_be_learned_or_judged(split: tuple[Interactions, HeldOutUsers], tmp_path: Path) -> None:
    single = Interactions.of([[1], [2]], CATALOGUE)
    nobody = HeldOutUsers(single, Interactions.of([[], []], CATALOGUE))
    with pytest.raises(InputError, match="every user took one item"):
        fitted("bpr", (single, split[1]), SideInformation(), tmp_path)
    with pytest.raises(InputError, match="no user is held out"):
        fitted("sasrec", (split[0], nobody), SideInformation(), tmp_path)
    for name in ("popularity", "item_knn", "ease"):
        assert torch.isfinite(
            fitted(name, (single, nobody), SideInformation(), tmp_path).scores(torch.zeros((1, 1), dtype=torch.int64))
        ).all()


@pytest.mark.parametrize("name", models.ALGORITHMS)
def test_a_network_is_read_back_as_it_was(
    name: str, split: tuple[Interactions, HeldOutUsers], side: SideInformation, tmp_path: Path
) -> None:
    """Every bit, and no random number is drawn for it."""
    trained = fitted(name, split, side, tmp_path, **({"epochs": 1} if name in EPOCHS else {}))
    save_network(trained.network, tmp_path)
    state = torch.get_rng_state()
    network = load_network(tmp_path)
    assert torch.equal(torch.get_rng_state(), state)
    assert type(network) is type(trained.network)
    for rows, length in ((1, 1), (3, 5)):
        assert torch.equal(network(*feeds(rows, length)), trained.network(*feeds(rows, length)))


def test_a_file_that_names_another_network_than_those_of_the_plugin_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "network.json").write_text('{"network": "os:system", "numbers": {}}')
    with pytest.raises(KeyError, match="os:system"):
        load_network(tmp_path)


def test_training_ends_with_the_time_of_the_run(tmp_path: Path) -> None:
    options = BprOptions(minutes=2.0)
    for seconds, expected in ((None, 120.0), (30.0, 30.0), (0.0, training.LEAST)):
        limits = training.trainer_arguments(options, context(tmp_path, options, budget=Budget(seconds)))
        assert limits["max_time"] == {"seconds": pytest.approx(expected, abs=0.5)}
    endless = BprOptions(minutes=None)
    assert "max_time" not in training.trainer_arguments(endless, context(tmp_path, endless))


def test_sasrec_reads_the_order(tmp_path: Path) -> None:
    """After each item comes the next one."""
    random = np.random.default_rng(0)
    starts = random.integers(0, CATALOGUE, 60)
    rows = [(start + np.arange(7)) % CATALOGUE + 1 for start in starts]
    train = Interactions.of([row[:6] for row in rows], CATALOGUE)
    held_out = HeldOutUsers(train, Interactions.of([row[6:] for row in rows], CATALOGUE))
    more = {"dimensions": 16, "layers": 1, "epochs": 30, "max_history": 4}
    trained = fitted("sasrec", (train, held_out), SideInformation(), tmp_path, **more)
    assert quality(trained, held_out, 0) > 0.9
    histories = torch.tensor([[3, 4, 5, 0], [9, 10, 0, 0]])
    scores = trained.scores(histories).scatter(1, histories, -torch.inf)
    assert scores.argmax(1).tolist() == [6, 11]


def test_long_histories_are_cut_to_the_newest() -> None:
    rows = Interactions.of([[1, 2, 3, 4], [], [5]], 5)
    assert padded(rows, 3).tolist() == [[2, 3, 4], [0, 0, 0], [5, 0, 0]]
    assert padded(rows, 2, rows.starts[1:] - [1, 0, 0]).tolist() == [[2, 3], [0, 0], [5, 0]]
    assert padded(Interactions.of([[], []], 5), 2).tolist() == [[0], [0]]


def test_options_name_what_can_be_written() -> None:
    for name, kind in OPTIONS.items():
        assert option_problems(name, kind()) == []
    wrong = option_problems("sasrec", SasrecOptions(negatives=0, dropout=1.0, heads=3, minutes=0))
    assert [problem.split(":")[0] for problem in wrong] == [
        "candidates.sasrec.negatives=0",
        "candidates.sasrec.minutes=0",
        "candidates.sasrec.dropout=1.0",
        "candidates.sasrec.heads=3",
    ]
    assert option_problems("ease", EaseOptions(regularization=-1.0)) == [
        "candidates.ease.regularization=-1.0: write a number above 0"
    ]


def test_available_memory_is_within_the_limit_of_a_container(tmp_path: Path) -> None:
    meminfo, own, groups = tmp_path / "meminfo", tmp_path / "own", tmp_path / "groups"
    meminfo.write_text("MemTotal: 9000 kB\nMemAvailable:    8000 kB\n")
    own.write_text("0::/box\n")
    (groups / "box").mkdir(parents=True)
    assert available_memory(meminfo, groups, own) == 8000 * 1024
    (groups / "box" / "memory.max").write_text("4096000\n")
    (groups / "box" / "memory.current").write_text("2048000\n")
    (groups / "box" / "memory.stat").write_text("anon 5\ninactive_file 1000\n")
    assert available_memory(meminfo, groups, own) == 2049000
    (groups / "box" / "memory.max").write_text("max\n")
    assert available_memory(meminfo, groups, own) == 8000 * 1024
    assert available_memory(tmp_path / "none", groups, tmp_path / "none") is None
