"""What the project's chores need beside nox: which packages there are, which cores they work with, releases."""
