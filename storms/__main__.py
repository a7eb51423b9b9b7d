"""`python -m storms`."""

import sys

from storms.command_line import main

if __name__ == "__main__":
    sys.exit(main())
