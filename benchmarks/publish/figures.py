"""Figures as a person reads them: three digits say all that was measured."""

from __future__ import annotations

from math import floor, log10


def amount(figure: float) -> str:
    """`59,900`, `0.345`."""
    if figure == 0:
        return "0"
    rounded = float(f"{figure:.3g}")
    return f"{rounded:,.{max(0, 2 - floor(log10(abs(rounded))))}f}"


def short(figure: float) -> str:
    """`59.9k`, `1.48M`: for the end of a line in a plot."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if figure >= size:
            return amount(figure / size) + letter
    return amount(figure)


def tick(figure: float) -> str:
    """`10k`, `0.2`: beside an axis."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if figure >= size:
            return f"{figure / size:g}{letter}"
    return f"{figure:g}"


def ratio(figure: float) -> str:
    """`0.86`, `13`."""
    return f"{figure:.2f}" if figure < 10 else f"{figure:,.0f}"  # noqa: PLR2004 - three digits at most
