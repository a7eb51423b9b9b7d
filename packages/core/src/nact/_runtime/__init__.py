"""What all actors of a system share: the run queue, timers, resources, and what is observed."""
