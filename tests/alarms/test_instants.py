from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from alarms.instants import iso_utc


@given(st.integers(min_value=-2_000_000_000_000, max_value=20_000_000_000_000))
def test_a_moment_reads_as_the_calendar_says(at_ms):
    assert iso_utc(at_ms) == datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
