"""The complete matrix: which laws catch which saboteurs, named or not. `python -m saboteurs.matrix [NAME ...]`.

It runs from this folder's parent, and takes some minutes. Laws of processes and of servers are tried only on saboteurs
that have these.
"""

from __future__ import annotations

import sys

from nact.persistence import MemoryPersistenceEngine
from nact_conformance._reporting.finding import Outcome
from saboteurs.everyone import SABOTEURS
from saboteurs.sabotage import LAWS, Saboteur

LONG = {"G-01", "G-02", "B-10", "B-11", "D-16", "E-04", "E-12", "J-04", "K-05", "T-05", "X-08"}


def caught(saboteur: Saboteur) -> list[str]:
    """The laws that catch it."""
    in_memory = issubclass(saboteur.engine, MemoryPersistenceEngine)
    tried = [law_id for law_id in LAWS if in_memory or law_id in saboteur.laws]
    tried = [law_id for law_id in tried if law_id not in LONG or law_id in saboteur.laws]
    return [law_id for law_id in tried if saboteur.tried_by(law_id).outcome is Outcome.BROKEN]


def main(names: list[str]) -> None:
    """Prints a line for each saboteur; a star marks the laws that name it."""
    for name in names or SABOTEURS:
        saboteur = SABOTEURS[name]
        laws = [f"{law_id}*" if law_id in saboteur.laws else law_id for law_id in sorted(caught(saboteur))]
        print(f"{name}: {' '.join(laws)}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
