"""`python -m benchmarks.publish`."""

import sys

from benchmarks.publish.command_line import main

if __name__ == "__main__":
    sys.exit(main())
