"""From what was found about each law to a report and a verdict."""
