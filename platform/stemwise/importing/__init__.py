"""Scores that others have published, read into the tables of a run.

`museval_json` and `models_scores` read the two formats into `Published`; `rows` makes table rows of
it, `merge` adds them to what a folder holds already, if both were measured alike.
"""
