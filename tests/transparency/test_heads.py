"""The heads of a log: whoever has the root knows which version of a stream is its last."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.transparency.heads import GapInStream, Heads, HeadsRoot, is_head, parse_heads
from services.transparency.merkle import EMPTY_ROOT
from tests.transparency.trees import leaves, naive_root

STREAMS = [UUID(int=number) for number in range(12)]

histories = st.lists(st.sampled_from(STREAMS), min_size=1, max_size=80)


def followed(history: list[UUID]) -> Heads:
    heads = Heads()
    heads.follow((stream, history[: at + 1].count(stream)) for at, stream in enumerate(history))
    return heads


@given(histories)
def test_the_newest_version_is_proved_and_no_other_is(history: list[UUID]) -> None:
    heads = followed(history)
    root = heads.root
    assert root.streams == len(set(history))
    for stream in set(history):
        version, proof = history.count(stream), heads.proof(stream)
        assert is_head(stream, version, proof, root)
        assert not is_head(stream, version + 1, proof, root)
        assert not is_head(stream, version - 1, proof, root)
        assert not is_head(UUID(int=99), version, proof, root)


@given(histories)
def test_what_was_restored_goes_on_as_what_followed_from_the_beginning(history: list[UUID]) -> None:
    half = len(history) // 2
    restored = Heads()
    restored.restore(followed(history[:half]).newest)
    restored.follow((stream, history[: half + at + 1].count(stream)) for at, stream in enumerate(history[half:]))
    assert restored.root == followed(history).root


def test_a_root_is_told_in_one_line() -> None:
    assert str(Heads().root) == "heads 0 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert parse_heads(str(Heads().root)) == HeadsRoot(0, EMPTY_ROOT)
    assert parse_heads(str(HeadsRoot(7, naive_root(leaves(3))))) == HeadsRoot(7, naive_root(leaves(3)))


@pytest.mark.parametrize(
    "line", ["", "heads", "heads 1", "heads 01 " + "A" * 43 + "=", "heads 1 " + "A" * 42 + "B=", "tails 1 " + "A" * 43 + "="]
)
def test_another_line_tells_no_root(line: str) -> None:
    assert parse_heads(line) is None


def test_a_gap_in_a_stream_is_not_followed() -> None:
    with pytest.raises(GapInStream):
        Heads().follow([(STREAMS[0], 2)])
