// Playing many stems as one: all sources start at one time of one AudioContext.
//
// The engine is also the clock of all waveforms: it has the part of a media element's surface that
// wavesurfer.js reads (currentTime, duration, paused, play, pause, events).

/** Seconds between the order to start and the start, so that all sources make it. */
const LEAD = 0.06;
const FADE = 0.006;
/** A song is over this many seconds before its end: durations come rounded. */
const NEAR = 0.002;
const GLIDE = 0.012;

/** A part of the song in seconds that is played over and over. */
export interface Span {
  from: number;
  to: number;
}

interface Voice {
  gain: GainNode;
  source: AudioBufferSourceNode | null;
}

export class Engine extends EventTarget {
  paused = true;
  readonly seeking = false;
  readonly readyState = 4;
  readonly volume = 1;
  readonly muted = false;
  readonly playbackRate = 1;
  readonly src = "";

  private context: AudioContext | null = null;
  private master: GainNode | null = null;
  private meter: AnalyserNode | null = null;
  private pass: GainNode | null = null;
  private buffers = new Map<string, AudioBuffer>();
  private voices = new Map<string, Voice>();
  private gains = new Map<string, number>();
  private level = 1;
  private loop: Span | null = null;
  private offset = 0; // position in the song, in seconds, at `began`
  private began = 0; // time of the context at which the sources start
  private frame = 0;
  private peakOf = new Float32Array(1024);

  /** `rate` is the sample rate of all buffers and of the context. */
  constructor(
    readonly duration: number,
    readonly rate: number,
  ) {
    super();
  }

  get ended(): boolean {
    return !this.loop && this.currentTime > this.duration - NEAR;
  }

  /** The position in the song that is heard now. */
  get currentTime(): number {
    if (this.paused || !this.context) return this.offset;
    const late = this.context.outputLatency || 0;
    const played = Math.max(0, this.context.currentTime - this.began - late);
    return Math.min(this.duration, this.place(this.offset + played));
  }

  set currentTime(seconds: number) {
    const playing = !this.paused;
    if (playing) this.stop();
    // whole samples, so that stems that join later are in step with the others
    this.offset = this.nearest(Math.min(this.duration, Math.max(0, seconds)));
    if (this.loop && this.offset >= this.loop.to) this.offset = this.loop.from;
    if (playing && this.offset < this.duration) this.start();
    this.tell("timeupdate");
    if (playing && this.paused) this.tell("pause");
  }

  /** Play a part over and over, or no longer; a position outside of it goes to its beginning. */
  setLoop(loop: Span | null): void {
    const playing = !this.paused;
    if (playing) this.stop();
    this.loop = loop && { from: this.nearest(loop.from), to: this.nearest(loop.to) };
    if (this.loop && (this.offset < this.loop.from || this.offset >= this.loop.to)) {
      this.offset = this.loop.from;
    }
    if (playing) this.start();
    this.tell("timeupdate");
  }

  /** Start, or go on; from the beginning where the end was reached. */
  async play(): Promise<void> {
    if (!this.paused) return;
    const context = this.wake();
    if (context.state !== "running") await context.resume();
    if (!this.paused) return;
    if (this.ended) this.offset = 0;
    this.start();
    this.tell("play");
  }

  /** Ask for the audio device; browsers give it only within a user's gesture. */
  prepare(): void {
    void this.wake().resume();
  }

  pause(): void {
    if (this.paused) return;
    this.stop();
    this.tell("pause");
    this.tell("timeupdate");
  }

  /** A stem's audio, where it is here. */
  buffer(stem: string): AudioBuffer | undefined {
    return this.buffers.get(stem);
  }

  /** Whether a stem's audio is here. */
  has(stem: string): boolean {
    return this.buffers.has(stem);
  }

  /** Take a decoded stem; while others play, it joins them in step. */
  put(stem: string, buffer: AudioBuffer): void {
    this.buffers.set(stem, buffer);
    if (!this.paused) this.join(stem);
  }

  /** Forget a stem's audio, to make room. */
  drop(stem: string): void {
    this.silence(stem, 0);
    this.buffers.delete(stem);
  }

  /** Set how loud each stem is; changes glide, so that nothing clicks. */
  setGains(gains: Map<string, number>): void {
    this.gains = gains;
    for (const [stem, voice] of this.voices) this.glide(voice.gain, gains.get(stem) ?? 0);
  }

  setVolume(level: number): void {
    this.level = level;
    if (this.master) this.glide(this.master, level);
  }

  /** The largest sample that is being heard, 1 = full scale. */
  peak(): number {
    if (!this.meter || this.paused) return 0;
    this.meter.getFloatTimeDomainData(this.peakOf);
    return this.peakOf.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  }

  /** Give back the audio device and all memory. */
  close(): void {
    this.pause();
    this.buffers.clear();
    void this.context?.close();
  }

  // what wavesurfer.js may call on a media element, and which means nothing here
  canPlayType(): string {
    return "";
  }

  private wake(): AudioContext {
    if (this.context) return this.context;
    this.context = new AudioContext({ sampleRate: this.rate, latencyHint: "playback" });
    this.master = this.context.createGain();
    this.master.gain.value = this.level;
    this.meter = this.context.createAnalyser();
    this.meter.fftSize = this.peakOf.length;
    this.master.connect(this.meter);
    this.master.connect(this.context.destination);
    return this.context;
  }

  private start(): void {
    const context = this.wake();
    this.began = this.whole(context.currentTime + LEAD);
    this.pass = context.createGain();
    this.pass.connect(this.master as GainNode);
    this.fade(this.pass.gain, 0, 1, this.began);
    this.paused = false;
    for (const stem of this.buffers.keys()) this.begin(stem, this.began, this.offset);
    this.frame = requestAnimationFrame(this.tick);
  }

  private join(stem: string): void {
    const context = this.wake();
    const when = Math.max(this.began, this.whole(context.currentTime + LEAD));
    this.silence(stem, 0);
    this.begin(stem, when, this.place(this.offset + (when - this.began)));
  }

  private begin(stem: string, when: number, from: number): void {
    const context = this.context as AudioContext;
    const buffer = this.buffers.get(stem);
    if (!buffer || !this.pass || from >= buffer.duration) return;
    const gain = context.createGain();
    gain.gain.value = this.gains.get(stem) ?? 0;
    const source = context.createBufferSource();
    source.buffer = buffer;
    if (this.loop) {
      source.loop = true;
      source.loopStart = this.loop.from;
      source.loopEnd = Math.min(this.loop.to, buffer.duration);
    }
    source.connect(gain).connect(this.pass);
    source.start(when, from);
    this.voices.set(stem, { gain, source });
  }

  private stop(): void {
    const context = this.context as AudioContext;
    const heard = this.currentTime;
    this.paused = true;
    cancelAnimationFrame(this.frame);
    this.offset = this.nearest(heard);
    const end = context.currentTime + FADE;
    if (this.pass) this.fade(this.pass.gain, 1, 0, context.currentTime);
    for (const stem of [...this.voices.keys()]) this.silence(stem, end);
  }

  private silence(stem: string, when: number): void {
    const voice = this.voices.get(stem);
    voice?.source?.stop(when);
    this.voices.delete(stem);
  }

  private fade(param: AudioParam, from: number, to: number, when: number): void {
    param.setValueAtTime(from, when);
    param.linearRampToValueAtTime(to, when + FADE);
  }

  private glide(node: GainNode, value: number): void {
    const now = this.context?.currentTime ?? 0;
    node.gain.cancelScheduledValues(now);
    node.gain.setTargetAtTime(value, now, GLIDE);
  }

  /** Where in the song playback is after so many seconds from its beginning, with what is repeated. */
  private place(seconds: number): number {
    const { loop } = this;
    if (!loop || seconds < loop.to) return seconds;
    return loop.from + ((seconds - loop.from) % (loop.to - loop.from));
  }

  /** The time of the nearest sample. */
  private nearest(seconds: number): number {
    return Math.round(seconds * this.rate) / this.rate;
  }

  private whole(seconds: number): number {
    return Math.ceil(seconds * this.rate) / this.rate;
  }

  private readonly tick = (): void => {
    if (this.paused) return;
    if (this.ended) {
      this.stop();
      this.offset = this.duration;
      this.tell("timeupdate");
      this.tell("pause");
      this.tell("ended");
      return;
    }
    this.tell("timeupdate");
    this.frame = requestAnimationFrame(this.tick);
  };

  private tell(name: string): void {
    this.dispatchEvent(new Event(name));
  }
}
