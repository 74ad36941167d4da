"""The styles. Each makes separation hard in its own way (see docs/demo-songs.md)."""

from __future__ import annotations

from stemwise.datasets.synthesis.style import Groove, Kit, Part, Singing, Style

POP = Style(
    tempo_bpm=(96, 116),
    minor_share=0.35,
    major_progressions=("I V vi IV", "I vi IV V", "IV I V vi"),
    minor_progressions=("i bVI bIII bVII", "i iv bVII bIII"),
    grooves=(
        Groove("X.....x.X.......", "....X.......X..o", "x.o.x.o.x.o.x.o.", "..............x."),
        Groove("X..x..x...X..x..", "....X.......X...", "xoxoxoxoxoxoxoxo"),
    ),
    kit=Kit(),
    bass=(
        Part("finger", "root", 28, 1, ("X--x..x-X---x-x-", "X-----x-X---..x-")),
        Part("finger", "root", 28, 1, ("x-x-x-x-x-x-x-x-",)),
    ),
    guitar=(
        Part("acoustic", "strum", 50, 5, ("X---x-x-o-x-x-x-", "X--xo-x-X--xo-x-")),
        Part("clean", "arpeggio", 52, 4, ("x-x-x-x-x-x-x-x-",)),
    ),
    piano=(
        Part("grand", "block", 57, 4, ("X-----x-----x---", "X---x---X---x---")),
        Part("grand", "block", 53, 5, ("X--x--x---x-x---",)),
    ),
    other=(
        Part("strings", "block", 60, 4, ("x---------------",)),
        Part("pad", "block", 55, 4, ("x---------------",)),
        Part("brass", "block", 60, 3, ("......x-......xx", "x-....x-..x-....")),
    ),
    singing=Singing(
        (
            "..x-x-x-x---x-x-x-------x-x-x---",
            "x---x-x-x-x-x-----..x-x-x-x-----",
            "....x-x-x-x-x---x-x-x-----------",
        ),
        backing_share=0.6,
    ),
    levels_db={
        "vocals": 0.0,
        "drums": -1.0,
        "bass": -2.5,
        "guitar": -5.0,
        "piano": -5.5,
        "other": -6.0,
    },
    rest={"guitar": 0.15, "piano": 0.2, "other": 0.2},
)

ROCK = Style(
    tempo_bpm=(112, 144),
    minor_share=0.6,
    major_progressions=("I bVII IV I", "I IV V IV"),
    minor_progressions=("i bVI bVII i", "i bIII bVII IV"),
    grooves=(
        Groove("X.....x.X.x.....", "....X.......X...", "X.x.X.x.X.x.X.x."),
        Groove("X...x...X.X...x.", "....X.......X...", "", "X.x.X.x.X.x.X.x."),
    ),
    kit=Kit(kick_hz=58, kick_click=0.9, snare_hz=178, snare_decay_s=0.14, hat_hz=6_000),
    bass=(Part("pick", "root", 28, 1, ("x-x-x-x-x-x-x-x-", "X-x-x-x-X-x-x-xx")),),
    guitar=(
        Part("driven", "strum", 40, 3, ("X---x-x-X---x-x-", "X-x-x-x-X-x-x-x-")),
        Part("driven", "strum", 40, 3, ("X-----x---x-x---", "X---------x---x-")),
    ),
    piano=(Part("grand", "block", 60, 4, ("x-x-x-x-x-x-x-x-", "X---X---X---X---")),),
    other=(
        Part("organ", "block", 60, 4, ("X---------------", "X-------x-------")),
        Part("strings", "block", 57, 3, ("x---------------",)),
    ),
    singing=Singing(
        (
            "x---x-x-x-----..x---x-x-x-------",
            "..x-x-x---x-----....x-x-x-------",
            "x-x-x-----------x-x-x-x---------",
        ),
        vibrato_cents=25,
        effort=0.95,
        breath=0.09,
        backing_share=0.45,
    ),
    levels_db={
        "vocals": -1.0,
        "drums": 0.0,
        "bass": -2.5,
        "guitar": -0.5,
        "piano": -6.0,
        "other": -6.0,
    },
    five_tones=True,
    room_s=0.6,
    rest={"piano": 0.25, "other": 0.2},
)

RAP = Style(
    tempo_bpm=(78, 94),
    minor_share=0.9,
    major_progressions=("I vi I IV",),
    minor_progressions=("i i bVI bVII", "i bVI i v", "i iv i bII"),
    grooves=(
        Groove("X..x..x...X....x", "....X.......X...", "xoxoxorxxoxoxrrx"),
        Groove("X......x..X..x..", "....X.......X..o", "x.x.xrx.x.xrx.rr", "..............x."),
    ),
    kit=Kit(kick_hz=49, kick_decay_s=0.14, snare_decay_s=0.1, clap=True, hat_hz=8_500),
    bass=(Part("808", "root", 27, 1, ("X-----x---X----x", "X------x--X-----")),),
    guitar=(Part("muted", "arpeggio", 52, 4, ("x.x.x.x.x.x.x.x.", "x..x..x.x..x..x.")),),
    piano=(Part("dark", "arpeggio", 60, 3, ("x-x-x-x-x-x-x-x-", "x---x-x---x-x---")),),
    other=(
        Part("bells", "arpeggio", 72, 3, ("x---..x-....x---", "x-----x-----x---")),
        Part("strings", "block", 55, 3, ("x---------------",)),
    ),
    singing=Singing(
        (
            "x.xxx.xxx.x.xx..xxx.xxx.x.xxx...",
            "..xxxxx.x.xxx.x.xxxxx.x.x-x-....",
            "xx.xx.xxx.xx.x..xx.xx.xxxxx-x...",
        ),
        vibrato_cents=0,
        portamento_s=0.03,
        effort=0.8,
        speech=1.0,
        breath=0.1,
        backing_share=0.45,
    ),
    levels_db={
        "vocals": 0.5,
        "drums": 0.5,
        "bass": -1.5,
        "guitar": -6.5,
        "piano": -6.0,
        "other": -6.0,
    },
    sixteenth_swing=0.54,
    room_s=0.3,
    wet=0.6,
    absent={"guitar": 0.4},
    rest={"guitar": 0.2, "other": 0.25},
)

ELECTRONIC = Style(
    tempo_bpm=(120, 130),
    minor_share=0.8,
    major_progressions=("vi IV I V",),
    minor_progressions=("i bVI bIII bVII", "i bVII bVI bVII"),
    grooves=(
        Groove("X...X...X...X...", "....X.......X...", "o.oxo.oxo.oxo.ox", "..X...X...X...X."),
        Groove("X...X...X...X..x", "....X.......X..o", "xooxxooxxooxxoox", "..X...X...X...X."),
    ),
    kit=Kit(
        kick_hz=48, kick_decay_s=0.16, kick_click=0.7, clap=True, hat_hz=9_000, timing_s=0.0005
    ),
    bass=(
        Part("sub", "root", 28, 1, ("..x-..x-..x-..x-", "x-xxx-xxx-xxx-xx")),
        Part("sub", "root", 28, 1, ("X-----x---X---x-",)),
    ),
    guitar=(Part("muted", "arpeggio", 57, 4, ("x..x..x...x..x..", "x.xx.xx.x.xx.xx.")),),
    piano=(Part("grand", "block", 60, 4, ("X--x--x---x--x--", "..X-..x-..X-..x-")),),
    other=(Part("supersaw", "block", 57, 4, ("x---------------", "X--x--x--x--x---")),),
    singing=Singing(
        (
            "x-----x---x-x-----------x-x-x---",
            "........x---x---x-x-x-----------",
        ),
        vibrato_cents=25,
        breath=0.1,
        effort=0.5,
        backing_share=0.7,
        delay_s=0.0,
    ),
    levels_db={
        "vocals": -1.0,
        "drums": 0.0,
        "bass": -1.5,
        "guitar": -6.0,
        "piano": -5.5,
        "other": -3.0,
    },
    sidechain=0.75,
    room_s=0.9,
    wet=1.3,
    absent={"piano": 0.15},
    rest={"guitar": 0.3, "piano": 0.2},
)

JAZZ = Style(
    tempo_bpm=(112, 150),
    minor_share=0.4,
    major_progressions=("ii7 V7 Imaj7 vi7", "Imaj7 vi7 ii7 V7", "Imaj7 IV7 ii7,V7 Imaj7"),
    minor_progressions=("i7 iv7 iim7b5,V7 i7", "i7 bVImaj7 iim7b5 V7"),
    grooves=(
        Groove("o...o...o...o...", "......o.......o.", "....x.......x...", "", "X...x.x.X...x.x."),
        Groove("o...o...o.o.o...", "...o......o...o.", "....x.......x...", "", "x...X.x.x...X.x."),
    ),
    kit=Kit(
        kick_hz=62,
        kick_click=0.2,
        snare_hz=215,
        snare_wires=0.8,
        brushes=True,
        tom_hz=(105.0, 145.0, 200.0),
        timing_s=0.008,
    ),
    bass=(Part("upright", "walk", 28, 1, ("x---x---x---x---",)),),
    guitar=(Part("clean", "block", 52, 4, ("o---x---o---x---", "x-....x-..x-....")),),
    piano=(Part("grand", "block", 53, 4, ("..x-....x-......", "x-....x-......x-")),),
    other=(Part("brass", "line", 60, 1, ("....x-x-x-x-x---", "x---..x-x-x-....")),),
    singing=Singing(
        (
            "....x-x-x---x-x-----......x-x---",
            "..x---x-x-x-x-------x-x-x---....",
        ),
        vibrato_cents=55,
        portamento_s=0.05,
        effort=0.45,
        breath=0.07,
        backing_share=0.35,
        delay_s=0.05,
    ),
    levels_db={
        "vocals": -1.0,
        "drums": -3.0,
        "bass": -2.0,
        "guitar": -5.0,
        "piano": -3.0,
        "other": -3.5,
    },
    eighth_swing=0.64,
    room_s=0.7,
    absent={"backing_vocals": 0.3},
    rest={"guitar": 0.3, "piano": 0.1, "other": 0.4},
)

SINGER_SONGWRITER = Style(
    tempo_bpm=(72, 96),
    minor_share=0.3,
    major_progressions=("I IV vi V", "I iii IV V", "vi IV I V"),
    minor_progressions=("i bVII bVI bVII",),
    grooves=(
        Groove("x.......o.x.....", "....o.......o...", "o.o.x.o.o.o.x.o."),
        Groove("x.....o.x.......", "....o.......o..o", "oooooooooooooooo"),
    ),
    kit=Kit(kick_hz=60, kick_click=0.15, snare_decay_s=0.09, brushes=True, timing_s=0.008),
    bass=(Part("upright", "root", 28, 1, ("x-------x---x---", "x-----x-x-------")),),
    guitar=(
        Part("acoustic", "arpeggio", 45, 5, ("x-x-x-x-x-x-x-x-", "x-xxx-xxx-xxx-xx")),
        Part("acoustic", "strum", 45, 6, ("X---x-x---x-x-x-",)),
    ),
    piano=(Part("grand", "block", 57, 3, ("x-------x-------", "x---------x-----")),),
    other=(
        Part("strings", "block", 48, 3, ("x---------------",)),
        Part("pad", "block", 55, 3, ("x---------------",)),
    ),
    singing=Singing(
        (
            "....x-x-x--x-x---x------..x-x---",
            "..x-x-x-x---x---------x-x-x---..",
        ),
        breath=0.12,
        effort=0.35,
        vibrato_cents=30,
        backing_share=0.4,
        delay_s=0.02,
    ),
    levels_db={
        "vocals": 0.0,
        "drums": -6.0,
        "bass": -4.5,
        "guitar": -1.5,
        "piano": -3.0,
        "other": -6.5,
    },
    absent={"drums": 0.35},
    rest={"piano": 0.25, "other": 0.3, "drums": 0.2, "bass": 0.15},
)

STYLES = {
    "singer_songwriter": SINGER_SONGWRITER,
    "pop": POP,
    "rock": ROCK,
    "rap": RAP,
    "electronic": ELECTRONIC,
    "jazz": JAZZ,
}
