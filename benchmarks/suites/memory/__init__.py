"""What an actor weighs that has nothing to do."""
