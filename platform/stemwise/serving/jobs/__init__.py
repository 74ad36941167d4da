"""Jobs: their records, the store that keeps them, claims, and the work itself."""
