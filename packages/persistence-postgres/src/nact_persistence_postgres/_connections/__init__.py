"""Connections to the server: where it is, how they are made, lent and replaced, and what their errors mean."""
