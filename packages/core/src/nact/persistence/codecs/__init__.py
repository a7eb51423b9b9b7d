"""Codecs: events and states of any type in a journal of JSON."""

from nact.persistence.codecs.codec import Codec, FunctionCodec
from nact.persistence.codecs.typed import TypedCodec, Upcaster

__all__ = ["Codec", "FunctionCodec", "TypedCodec", "Upcaster"]
