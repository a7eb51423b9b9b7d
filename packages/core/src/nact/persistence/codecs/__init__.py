"""Typed events and states in a journal of JSON: `TypedCodec`."""

from nact.persistence.codecs.typed import TypedCodec, Upcaster

__all__ = ["TypedCodec", "Upcaster"]
