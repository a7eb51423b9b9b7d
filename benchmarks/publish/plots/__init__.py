"""The plots: one module for each, and `style` for what they have in common."""
