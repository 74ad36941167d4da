"""By their suffix: which files are audio. Light, since commands ask before they load a decoder."""

from __future__ import annotations

SNDFILE_SUFFIXES = {
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff"),
    *(".aifc", ".au", ".caf", ".rf64", ".snd", ".w64"),
}
AV_SUFFIXES = {
    *(".m4a", ".mp4", ".aac", ".mka", ".webm", ".wma"),
    *(".3gp", ".ac3", ".amr", ".ape", ".dsf", ".dts", ".eac3", ".ec3", ".m4b", ".mp2", ".mpc"),
    *(".spx", ".tak", ".tta", ".wv"),
}
AUDIO_SUFFIXES = SNDFILE_SUFFIXES | AV_SUFFIXES
