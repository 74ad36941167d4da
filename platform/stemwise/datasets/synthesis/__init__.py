"""A procedural band: seeded multitrack songs out of numpy, without samples or network.

    genres ─► composition ─► parts ─► instruments ─► mixing ─► song.render
    what a     tempo, key,   notes     drums, bass,   reverb,   one array
    style is   chords        and hits  voice, …       levels    per leaf

`song.render(genre, seed, duration_s)` is the only entry point the outside needs.
"""
