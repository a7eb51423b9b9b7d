"""Parts to build engines of. The engines of this project use each of them, and others may."""
