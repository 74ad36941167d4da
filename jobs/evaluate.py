"""The same as `stemwise evaluate`, for `python jobs/evaluate.py` and `ray job submit`."""

import sys

from stemwise.jobs.evaluate import main

if __name__ == "__main__":
    sys.exit(main())
