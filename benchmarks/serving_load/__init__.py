"""Parts of benchmarks/serving.py: songs, clients, ways to serve them, faults, and what came of it."""
