"""How many events a second go to and from MongoDB."""
