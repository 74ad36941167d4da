"""The same as `stemwise fit`, for `python jobs/fit.py` and `ray job submit`."""

import sys

from stemwise.jobs.fit import main

if __name__ == "__main__":
    sys.exit(main())
