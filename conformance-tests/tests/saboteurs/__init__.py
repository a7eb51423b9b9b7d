"""Broken engines, one defect each. Every law catches at least one, and each is caught by the laws that name it."""
