"""The same as `stemwise measure`, for `python jobs/measure.py` and `ray job submit`."""

import sys

from stemwise.jobs.measure import main

if __name__ == "__main__":
    sys.exit(main())
