"""What holds for the laws themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nact_conformance._trying.trial import Trial
from nact_conformance.law import GUARANTEES, law, laws_of
from nact_conformance.suite import ConformanceSuite

LAWS = laws_of(ConformanceSuite)
PUBLISHED = Path(__file__).with_name("laws.txt").read_text(encoding="utf-8").splitlines()


def test_a_published_id_keeps_its_meaning() -> None:
    assert [f"{law_id} {found.sentence}" for law_id, found in sorted(LAWS.items())] == PUBLISHED


def test_there_are_seventy_laws_at_least() -> None:
    assert len(LAWS) >= 70


@pytest.mark.parametrize("number", GUARANTEES)
def test_every_guarantee_has_laws(number: int) -> None:
    assert [found for found in LAWS.values() if found.guarantee == number]


@pytest.mark.parametrize("law_id", LAWS)
def test_a_law_is_a_sentence_with_a_reason(law_id: str) -> None:
    found = LAWS[law_id]
    assert re.fullmatch(r"[A-Z]-\d\d", law_id)
    assert len(found.sentence.split()) >= 4
    assert found.why.endswith((".", "?"))
    assert found.guarantee in GUARANTEES


def test_two_laws_cannot_have_one_id() -> None:
    class Twins:
        @law("Z-01", guarantee=1)
        async def test_one(self, trial: Trial) -> None:
            """One."""

        @law("Z-01", guarantee=1)
        async def test_two(self, trial: Trial) -> None:
            """Two."""

    with pytest.raises(ValueError, match="Z-01"):
        laws_of(Twins)
