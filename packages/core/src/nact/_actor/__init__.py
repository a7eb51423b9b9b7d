"""The inside of an actor. `cell`, `life`, `stopping`, `supervision` and `idle` are one class in five files."""
