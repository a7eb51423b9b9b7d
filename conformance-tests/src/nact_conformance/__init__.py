"""The laws of a nact persistence engine, as tests that any engine can run.

Subclass `nact_conformance.suite.ConformanceSuite`; `nact_conformance.author` documents the methods to override. This
module imports nothing, so that the kit costs nothing in a test session that doesn't use it.
"""
