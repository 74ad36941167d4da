"""Readers of datasets: each turns a folder in its official layout into a list of `Track`s.

Listing decodes nothing; `decode.TrackAudio` decodes a track when its audio is wanted. What is odd
in the files becomes a sentence in `Track.problems` and never a silent change: docs/datasets.md
names the one policy for each defect.
"""
