"""One track from decoding to table rows: separation, store and measurement put together, without Ray."""
