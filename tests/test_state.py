"""States of requests in graphs with state: whoever joins or leaves, each row goes on from its own."""

from __future__ import annotations

import random

import numpy as np

from framework import Graph, State, Tensor
from framework.runtime.state import ROOM, Slot, StateBlock, gather

GRAPH = Graph(
    "decoder",
    inputs=(Tensor("ids", "int64", ("batch", "new")), Tensor("mask", "int64", ("batch", "past")),
            Tensor("cache", "float32", ("batch", "past", 2))),
    outputs=(Tensor("more", "float32", ("batch", "new", 2)),),
    axes={"new": (1, 9), "past": (0, 99)},
    tolerance={},
    state=(State("cache", "mask", "more"),),
)  # fmt: skip


def said(slot: Slot) -> list[float]:
    feeds = slot.block.feeds(slot.row + 1)
    filled = feeds["mask"][slot.row].astype(bool)
    assert not feeds["cache"][slot.row][~filled].any()  # what is masked takes part in products
    return [float(value) for value in feeds["cache"][slot.row][filled][:, 0]]


def step(sources: list[Slot | None], value: float, length: int = 1) -> list[Slot]:
    slots = gather(GRAPH, sources)
    slots[0].block.append(slots, {"more": np.full((len(slots), length, 2), value, np.float32)})
    return slots


def test_rows_keep_their_own_states_through_any_order_of_joining_leaving_and_branching() -> None:
    pick = random.Random(0)
    rows: list[tuple[Slot, list[float]]] = []
    for turn in range(300):
        chosen = pick.sample(rows, pick.randint(0, min(4, len(rows))))
        others = [row for row in rows if row not in chosen]
        twice = chosen[:1] * (pick.random() < 0.2)
        fresh = pick.randint(0, 2) if len(rows) < 12 else 0
        sources: list[Slot | None] = [*(slot for slot, _ in [*chosen, *twice]), *[None] * fresh]
        if not sources:
            continue
        before = [*(list(history) for _, history in [*chosen, *twice]), *([] for _ in range(fresh))]
        length = pick.choice((1, 1, 1, 30))
        slots = step(sources, turn, length)
        now = [(slot, [*history, *[float(turn)] * length]) for slot, history in zip(slots, before, strict=True)]
        rows = [row for row in [*others, *now] if pick.random() < 0.95]
        assert sorted(slot.row for slot in slots) == list(range(len(slots)))
        assert all(said(slot) == history for slot, history in rows)


def test_a_batch_that_stays_together_is_not_copied_and_leavers_let_the_rest_stay() -> None:
    slots = step([None, None, None], 1.0)
    array = slots[0].block.states[0].array
    for turn in range(ROOM - 1):
        slots = step([*slots], turn)
    assert slots[0].block.states[0].array is array
    block = slots[0].block
    remaining: list[Slot | None] = [slots[0], slots[2]]
    del slots
    assert {slot.block for slot in step(remaining, 0.0)} == {block}
    assert isinstance(block, StateBlock)


def test_room_of_a_long_row_that_left_is_given_back() -> None:
    long = step([None], 1.0, length=10 * ROOM)
    short: list[Slot | None] = [*step([None], 2.0)]
    both = step([*long, *short], 3.0)
    kept: list[Slot | None] = [both[1]]
    del long, short, both
    assert step(kept, 4.0)[0].block.feeds(1)["cache"].shape[1] <= 2 * ROOM


def test_a_row_goes_back_to_what_it_was_and_on_from_there() -> None:
    slots = step([None, None], 1.0, length=3)
    before = slots[0].lengths
    slots = step([*slots], 2.0, length=5)
    slots[0].rewind(before)
    assert [said(slot) for slot in slots] == [[1.0] * 3, [1.0] * 3 + [2.0] * 5]
    slots = step([*slots], 3.0)
    assert [said(slot) for slot in slots] == [[1.0] * 3 + [3.0], [1.0] * 3 + [2.0] * 5 + [3.0]]
