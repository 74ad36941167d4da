"""`python jobs/separate.py …`: same as `stemwise separate`."""

import sys

from stemwise.cli import main

if __name__ == "__main__":
    sys.exit(main(["separate", *sys.argv[1:]]))
