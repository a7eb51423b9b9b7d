"""Links of pages that the site doesn't have lead somewhere; `nox -s docs` sees to the others."""

from __future__ import annotations

import re

import pytest
from printed.blocks import ROOT, all_pages

PAGES = [page for page in all_pages() if not page.startswith("docs/")]

ON_PYPI = [page for page in PAGES if re.match(r"packages/|conformance-tests/", page)]


def relative_links(page: str) -> list[str]:
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link and not link.startswith("#")]


@pytest.mark.parametrize("page", PAGES)
def test_a_link_leads_to_a_file_or_folder(page: str) -> None:
    missing = [link for link in relative_links(page) if not ((ROOT / page).parent / link.partition("#")[0]).exists()]
    assert not missing


@pytest.mark.parametrize("page", ON_PYPI)
def test_a_page_on_pypi_needs_no_file_beside_it(page: str) -> None:
    assert not relative_links(page)
