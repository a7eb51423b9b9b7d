"""Types for tests of `TypedCodec`."""

import enum
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec

SEVEN = UUID(int=7)


class Color(enum.Enum):
    RED = "red"


class Address(msgspec.Struct, frozen=True):
    street: str
    number: int


@dataclass(frozen=True)
class Created:
    name: str
    at: datetime
    address: Address | None = None
    tags: tuple[str, ...] = ()
    by_number: dict[int, str] = field(default_factory=dict)
    by_day: dict[date, int] = field(default_factory=dict)
    pair: tuple[int, str] = (0, "")
    members: frozenset[int] = frozenset()
    color: Color = Color.RED
    id: UUID = SEVEN
    price: Decimal = Decimal("1.50")
    raw: bytes = b""
    length: timedelta = timedelta(0)
    nested: list[tuple[int, ...]] = field(default_factory=list)


class Removed(msgspec.Struct, frozen=True):
    name: str


NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
