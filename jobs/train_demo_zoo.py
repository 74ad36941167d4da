"""The same as `stemwise train_demo_zoo`, for `python jobs/train_demo_zoo.py` and `ray job submit`."""

import sys

from stemwise.jobs.train_demo_zoo import main

if __name__ == "__main__":
    sys.exit(main())
