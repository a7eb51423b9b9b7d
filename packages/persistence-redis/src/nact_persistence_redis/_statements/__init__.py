"""What is sent to Redis: the scripts, the names of keys, and records as Redis stores them."""
