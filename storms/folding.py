"""What is persisted in a storm, and the state that it makes: a count, and a hash that depends on every event so far."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from typing import Any, TypeAlias

Data: TypeAlias = Mapping[str, Any]
State: TypeAlias = Mapping[str, Any]

START: State = {"n": 0, "hash": ""}

_ALPHABET = 'abc \n"\\/é漢🦊\u2028'
_SIZES = (0, 10, 200, 1500)


def digest(data: Data) -> str:
    """Tells data apart, and shows whether they are whole."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]


def step(before: str, of_event: str) -> str:
    """The hash of a state after an event with this digest."""
    return hashlib.sha256((before + of_event).encode()).hexdigest()[:16]


def fold(state: State, data: Data) -> State:
    """The state after an event. No two journals have the same state."""
    return {"n": state["n"] + 1, "hash": step(state["hash"], digest(data))}


def payload(random_: random.Random, nonce: str) -> Data:
    """Data for an event that nothing else has."""
    text = "".join(random_.choices(_ALPHABET, k=random_.choice(_SIZES)))
    return {"nonce": nonce, "text": text, "numbers": [random_.randint(-(2**63), 2**63 - 1), random_.random(), None]}
