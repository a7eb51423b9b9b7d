"""The suites: each a package with a module `suite` in which `SUITE` stands. They are found by looking for them."""
