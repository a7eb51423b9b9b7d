"""How much memory it takes to read a long journal."""
