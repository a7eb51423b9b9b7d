"""The last sequence numbers of the keys used last."""

from nact.persistence.building.last_numbers import LastNumbers


def test_what_was_put_last_is_remembered() -> None:
    numbers = LastNumbers()
    assert numbers.get("k") is None
    numbers.put("k", 5)
    numbers.put("k", 3)
    assert numbers.get("k") == 3


def test_raising_never_lowers() -> None:
    numbers = LastNumbers()
    for number in (3, 5, 4):
        numbers.raise_to("k", number)
    assert numbers.get("k") == 5


def test_the_keys_used_last_are_remembered_and_no_more_than_twice_the_size() -> None:
    numbers = LastNumbers(size=10)
    for number in range(100):
        numbers.put(f"k{number}", number)
    assert all(numbers.get(f"k{number}") == number for number in range(90, 100))
    assert sum(numbers.get(f"k{number}") is not None for number in range(100)) <= 20


def test_a_key_in_the_old_generation_is_still_raised() -> None:
    numbers = LastNumbers(size=2)
    numbers.put("k", 9)
    for other in "ab":
        numbers.put(other, 1)
    numbers.raise_to("k", 4)
    assert numbers.get("k") == 9


def test_a_forgotten_key_is_unknown_in_both_generations() -> None:
    numbers = LastNumbers(size=1)
    for number in (1, 2, 3):
        numbers.put("k", number)
        numbers.put(f"other{number}", 1)
    numbers.forget("k")
    assert numbers.get("k") is None
    numbers.put("k", 1)
    numbers.clear()
    assert numbers.get("k") is None
