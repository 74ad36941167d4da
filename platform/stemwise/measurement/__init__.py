"""Numbers about an estimate and its reference, from audio: the last stage that touches samples."""
