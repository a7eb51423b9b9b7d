"""Engines that keep every law, for the kit to be tried on."""
