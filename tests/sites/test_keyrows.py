"""Keys find their rows one by one and many at once, however many collide; a key that is not there finds none."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sites.keyrows import KeyRows
from sites.roster import Columns

# many keys of the same low bits: they want the same slot
keys_strategy = st.lists(st.builds(lambda high, low: high << 20 | low, st.integers(0, 2**40), st.integers(0, 3)), unique=True, max_size=200)


def columns_of(keys: list[int]) -> Columns:
    return Columns(size=len(keys), keys=np.array([*keys, 0, 0], np.int64))


@given(keys_strategy, keys_strategy, st.integers(0, 5))
def test_every_key_finds_its_row_and_no_other(keys: list[int], others: list[int], pieces: int) -> None:
    columns = columns_of(keys)
    rows = KeyRows(columns)
    for size in sorted({len(keys) * part // (pieces + 1) for part in range(1, pieces + 1)} | {len(keys)}):
        columns.size = size
        rows.fit()
    expected = {key: row for row, key in enumerate(keys)}
    wanted = [*keys, *others, *keys]
    assert [rows.get(key) for key in wanted] == [expected.get(key, -1) for key in wanted]
    assert rows.rows_of(np.array(wanted, np.int64)).tolist() == [expected.get(key, -1) for key in wanted]
    assert rows.rows_of(np.array(wanted[:5], np.int64)).tolist() == [expected.get(key, -1) for key in wanted[:5]]
    assert len(rows) == len(keys)


def test_rows_added_one_by_one_are_those_added_at_once() -> None:
    rng = Random(3)
    keys = rng.sample(range(2**62), 3_000)
    columns = columns_of(keys)
    rows = KeyRows(columns)
    for size in range(1, len(keys) + 1):
        columns.size = size
        rows.fit()
    assert rows.rows_of(np.array(keys, np.int64)).tolist() == list(range(len(keys)))
    assert keys[17] in rows
    assert rows[keys[17]] == 17


def test_an_unknown_key_is_no_row() -> None:
    rows = KeyRows(columns_of([]))
    assert 5 not in rows
    with pytest.raises(KeyError):
        rows[5]
