"""Where the servers are: URLs as libpq takes them, and the hosts in them."""
