"""Every saboteur is caught by the laws that name it, and every law catches a saboteur."""

from __future__ import annotations

import pytest
from saboteurs.everyone import SABOTEURS
from saboteurs.sabotage import LAWS, Saboteur

from nact_conformance._reporting.finding import Outcome

CASES = [pytest.param(each, law, id=f"{law}-{each.name}") for each in SABOTEURS.values() for law in each.laws]


@pytest.mark.parametrize(("saboteur", "law_id"), CASES)
def test_a_saboteur_is_caught_by_the_law_that_names_it(saboteur: Saboteur, law_id: str) -> None:
    finding = saboteur.tried_by(law_id)
    assert finding.outcome is Outcome.BROKEN, (
        f"{saboteur.name} ({saboteur.defect}) wasn't caught by {law_id}: {finding}"
    )
    assert finding.told.startswith(f"{law_id} is broken: {LAWS[law_id].sentence}")
    for part in ("\npromised: ", "\nhappened: ", "\nhistory:\n"):
        assert part in finding.told


def test_every_law_catches_a_saboteur() -> None:
    catching = {law for saboteur in SABOTEURS.values() for law in saboteur.laws}
    assert catching == set(LAWS)


def test_there_are_forty_saboteurs_at_least_each_with_a_defect_in_words() -> None:
    assert len(SABOTEURS) >= 40
    assert not [name for name, saboteur in SABOTEURS.items() if not saboteur.defect.endswith(".")]


def test_the_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        for law_id, law in sorted(LAWS.items()):
            names = [saboteur.name for saboteur in SABOTEURS.values() if law_id in saboteur.laws]
            print(f"\n{law_id}  {law.sentence}: {', '.join(names)}", end="")  # noqa: T201
