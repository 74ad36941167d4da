"""Aggregates over tracks, computed from tables only."""
