"""The same as `stemwise import-scores`, for `python jobs/import_scores.py`."""

import sys

from stemwise.jobs.import_scores import main

if __name__ == "__main__":
    sys.exit(main())
