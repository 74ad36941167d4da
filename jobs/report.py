"""The same as `stemwise report`, for `python jobs/report.py` and `ray job submit`."""

import sys

from stemwise.jobs.report import main

if __name__ == "__main__":
    sys.exit(main())
