"""So many requests at once, then one as each falls due."""

import pytest

from serve.access import allowances
from serve.access.allowances import Allowances


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(allowances.time, "monotonic", lambda: now[0])
    return now


def sent(counter, name="patrol", per_minute=60):
    """How many are allowed at this moment."""
    number = 0
    while not counter.seconds_to_wait(name, per_minute):
        counter.charge(name, per_minute)
        number += 1
    return number


def test_a_minutes_worth_is_allowed_at_once_and_then_as_time_passes(clock):
    counter = Allowances()

    assert sent(counter) == 60
    assert counter.seconds_to_wait("patrol", 60) == 1
    clock[0] += 1
    assert sent(counter) == 1
    clock[0] += 30
    assert sent(counter) == 30
    clock[0] += 3600
    assert sent(counter) == 60  # what was not used is not saved up


def test_each_name_has_its_own(clock):
    counter = Allowances()

    assert sent(counter, "a", 5) == 5
    assert sent(counter, "b", 5) == 5
    assert counter.seconds_to_wait("a", 5) == 12


def test_after_the_wait_that_was_told_one_is_allowed(clock):
    counter = Allowances()
    for per_minute in (1, 7, 600, 5000):
        name = str(per_minute)
        assert sent(counter, name, per_minute) == per_minute

        clock[0] += counter.seconds_to_wait(name, per_minute)

        assert counter.seconds_to_wait(name, per_minute) == 0


def test_what_was_charged_beyond_the_allowance_is_paid_for_but_not_for_ever(clock):
    counter = Allowances()
    for _ in range(1000):
        counter.charge("flood", 60)

    assert 60 <= counter.seconds_to_wait("flood", 60) <= 61


def test_memory_is_bounded(clock, monkeypatch):
    monkeypatch.setattr(allowances, "_REMEMBERED", 100)
    counter = Allowances()
    counter.charge("first", 1)
    for number in range(1000):
        counter.charge(str(number), 60)

    assert len(counter._paid_until) == 100
    assert sent(counter, "999", 60) == 59
