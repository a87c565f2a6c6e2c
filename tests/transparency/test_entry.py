"""What a log's leaves say: one way to write it, and nothing that can be read in two ways."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.transparency.entry import Entry, entry_of, parse_entry

STREAM = UUID("00000000-0000-4000-8000-000000000007")

entries = st.builds(
    Entry,
    position=st.integers(0, 2**64 - 1),
    stream=st.uuids(),
    version=st.integers(0, 2**32 - 1),
    name=st.text(max_size=40),
    digest=st.binary(min_size=32, max_size=32),
)


def test_an_event_is_told_in_a_fixed_order() -> None:
    entry = entry_of(position=9, stream=STREAM, version=2, name="agreement.signed.v1", stored=b"{}")
    told = ["01", "0000000000000009", "00000000000040008000000000000007", "00000002", "0013", b"agreement.signed.v1".hex()]
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert bytes(entry).hex() == "".join([*told, digest])


@given(entries)
def test_an_entry_is_read_as_it_is_written(entry: Entry) -> None:
    assert parse_entry(bytes(entry)) == entry


@given(st.binary(max_size=120))
def test_other_bytes_are_no_entry_or_one_that_is_written_so(content: bytes) -> None:
    entry = parse_entry(content)
    assert entry is None or bytes(entry) == content


@given(entries, st.integers(1, 40))
def test_a_cut_or_lengthened_entry_is_none(entry: Entry, count: int) -> None:
    assert parse_entry(bytes(entry)[:-count]) is None
    assert parse_entry(bytes(entry) + b"x" * count) is None


@given(entries, st.integers(2, 255))
def test_an_entry_of_another_kind_is_none(entry: Entry, kind: int) -> None:
    assert parse_entry(bytes([kind]) + bytes(entry)[1:]) is None
