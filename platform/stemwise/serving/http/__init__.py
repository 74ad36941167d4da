"""Routes, answers and guards of the HTTP API."""
