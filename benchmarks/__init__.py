"""What one node can do, beside other libraries and the bare drivers: `python -m benchmarks --help`.

Machines differ, and one machine differs from minute to minute. So subjects run in turn, several rounds, and what counts
is the ratio between subjects of one round.
"""
