"""Connections to the server: made, lent, replaced, and what their errors mean."""
