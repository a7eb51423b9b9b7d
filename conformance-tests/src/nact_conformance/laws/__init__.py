"""The laws, a module for each thing that an engine does."""
