"""Makes what `docs/measured` shows, and the README's table, from results and reports: `python -m benchmarks.publish`.

Nothing in those files is written by hand, so they can't say what wasn't measured; `--check` finds those that are old.
"""
