from __future__ import annotations

from app.feed import Feed


def bodies(feed: Feed, after: int) -> list[object] | None:
    events = feed.since(after)
    return None if events is None else [event.body for event in events]


def test_ids_rise_over_scans_publications_and_restarts() -> None:
    feed = Feed()
    feed.extend(5, [("alarm", "s", 1), ("alarm", "s", 2)])
    feed.publish("hazard", "s", 3)
    feed.extend(6, [("order", "s", 4)])
    ids = [event.id for event in feed.since(0) or ()]
    assert ids == sorted(set(ids))
    again = Feed()
    again.start_at(6)
    again.publish("hazard", "s", 5)
    assert again.last_id > ids[-1]


def test_a_reader_gets_what_came_after_its_last_event() -> None:
    feed = Feed()
    feed.extend(1, [("alarm", "s", "a")])
    seen = feed.last_id
    assert bodies(feed, seen) == []
    feed.extend(2, [("alarm", "s", "b")])
    assert bodies(feed, seen) == ["b"]


def test_a_reader_behind_the_ring_or_from_another_life_is_told_to_take_a_snapshot() -> None:
    feed = Feed(most=2)
    feed.start_at(10)
    begin = feed.last_id
    feed.extend(11, [("alarm", "s", n) for n in range(2)])
    assert bodies(feed, begin) == [0, 1]
    feed.extend(12, [("alarm", "s", 2)])
    assert bodies(feed, begin) is None
    assert bodies(feed, begin - 1) is None
    assert bodies(feed, feed.last_id + 1) is None


def test_readers_are_woken_until_they_leave() -> None:
    feed = Feed()
    woken: list[int] = []
    leave = feed.subscribe(lambda: woken.append(1))
    feed.publish("health", None, "x")
    leave()
    leave()
    feed.publish("health", None, "y")
    assert woken == [1]
