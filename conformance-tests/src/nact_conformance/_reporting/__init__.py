"""Makes a report and a verdict of the findings."""
