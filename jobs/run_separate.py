"""The same as `stemwise run-separate`, for `python jobs/run_separate.py` and `ray job submit`."""

import sys

from stemwise.jobs.run_separate import main

if __name__ == "__main__":
    sys.exit(main())
