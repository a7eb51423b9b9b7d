"""The way of a request: which server has its key, whether that server may be used, and what its reply means."""
