"""A sweep (`-m`): jobs side by side on one Ray and one store, and one summary of all of them."""
