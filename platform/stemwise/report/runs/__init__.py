"""Several runs on one page: a sweep, or runs that `stemwise compare` names."""
