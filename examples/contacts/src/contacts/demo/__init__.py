"""A process that writes contacts is killed, and started again: nothing that was acknowledged is lost."""
