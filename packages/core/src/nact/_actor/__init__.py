"""One actor from the inside. `cell`, `life`, `stopping`, `supervision` and `idle` are one class in five files."""
