"""What is sent and stored, and by how many at once: the same for everybody."""

from __future__ import annotations

from typing import Any

MESSAGE: dict[str, Any] = {
    "type": "contact-created",
    "id": "6f1c7a52-1b7e-4f7b-9d5a-3c2f0f1d8e21",
    "contact": {"name": "Ada Lovelace", "email": "ada@example.com", "phone": "+44 20 7946 0958", "city": "London"},
    "note": "met at the fair",
    "stars": 5,
}
"""About 200 bytes of JSON."""

KEY = "contacts-of-ada"
"""The persistence key where there is one; the beginning of all where there are many."""

ACTORS = 1000
"""How many actors (or writers) there are where there are many."""

AT_ONCE = 1000
"""How many questions are asked before the first answer is awaited."""

BATCH = 1000
"""How many rows a driver writes or reads at once where it doesn't take one at a time."""
