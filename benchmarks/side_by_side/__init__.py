"""Parts of `benchmarks/separation.py`: the same work done by stemwise and by its peers."""
