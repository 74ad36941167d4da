"""Who wins a stem of a track, and how surely: arithmetic on scores and measurements."""
