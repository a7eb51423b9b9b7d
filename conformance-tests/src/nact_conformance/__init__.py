"""The laws of a nact persistence engine, as tests that any engine can run.

`nact_conformance.suite` has the class to subclass, `nact_conformance.storage` what the fault laws need. Nothing is
imported here, so that the kit costs nothing in a test session that doesn't use it.
"""
