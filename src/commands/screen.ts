const ESC = "\u001b";
const ENTER = `${ESC}[?1049h${ESC}[?25l`;
const LEAVE = `${ESC}[?25h${ESC}[?1049l`;
const HOME = `${ESC}[H`;
const CLEAR_LINE_END = `${ESC}[K`;
const CLEAR_BELOW = `${ESC}[J`;
/** A terminal that knows these shows the picture when it is whole. */
const BEGIN_PICTURE = `${ESC}[?2026h`;
const END_PICTURE = `${ESC}[?2026l`;

const CTRL_C = "\u0003";
const CTRL_Z = "\u001a";

/**
 * The terminal's second screen, drawn over and over, so that nothing flickers and what stood on the
 * first one stands there again at the end, whatever the end is.
 */
export class Screen {
  readonly #stdin: NodeJS.ReadStream;
  readonly #stdout: NodeJS.WriteStream;
  readonly #onEnd: () => void;
  readonly #onChange: () => void;
  #open = false;

  /** @param onEnd called when somebody wants to see no more. @param onChange when it must be drawn again. */
  constructor(
    streams: { readonly stdin: NodeJS.ReadStream; readonly stdout: NodeJS.WriteStream },
    onEnd: () => void,
    onChange: () => void,
  ) {
    this.#stdin = streams.stdin;
    this.#stdout = streams.stdout;
    this.#onEnd = onEnd;
    this.#onChange = onChange;
  }

  get columns(): number {
    return this.#stdout.columns || 80;
  }

  get rows(): number {
    return this.#stdout.rows || 24;
  }

  open(): void {
    this.#enter();
    if (this.#stdin.isTTY) this.#stdin.on("data", this.#onKeys);
    this.#stdout.on("resize", this.#onChange);
    process.on("exit", this.#leave);
    process.on("uncaughtExceptionMonitor", this.#leave);
    process.on("SIGTSTP", this.#suspend);
    process.on("SIGCONT", this.#resume);
  }

  draw(lines: readonly string[]): void {
    if (!this.#open) return;
    // No newline at the end, which would scroll a full screen.
    const text = lines.map((line) => line + CLEAR_LINE_END).join("\r\n");
    this.#stdout.write(BEGIN_PICTURE + HOME + text + CLEAR_BELOW + END_PICTURE);
  }

  close(): void {
    this.#leave();
    this.#stdin.off("data", this.#onKeys);
    this.#stdout.off("resize", this.#onChange);
    process.off("exit", this.#leave);
    process.off("uncaughtExceptionMonitor", this.#leave);
    process.off("SIGTSTP", this.#suspend);
    process.off("SIGCONT", this.#resume);
  }

  #enter(): void {
    this.#open = true;
    this.#stdout.write(ENTER);
    // What is typed would stand in the middle of the picture.
    if (this.#stdin.isTTY) this.#stdin.setRawMode(true).resume();
  }

  readonly #leave = (): void => {
    if (!this.#open) return;
    this.#open = false;
    this.#stdout.write(LEAVE);
    if (this.#stdin.isTTY) this.#stdin.setRawMode(false).pause();
  };

  readonly #onKeys = (keys: Buffer): void => {
    const text = keys.toString();
    if (text.includes(CTRL_C) || text.includes("q")) this.#onEnd();
    else if (text.includes(CTRL_Z)) this.#suspend();
  };

  readonly #suspend = (): void => {
    this.#leave();
    process.kill(process.pid, "SIGSTOP");
  };

  readonly #resume = (): void => {
    if (!this.#open) this.#enter();
    this.#onChange();
  };
}
