import { once } from "node:events";
import { systemCode } from "../errors.ts";

/** Writes no faster than is read, and takes a reader that left (`| head`) for the end. */
export class Output {
  readonly #stream: NodeJS.WriteStream;
  readonly #stop: AbortController;
  #fault: Error | undefined;

  constructor(stream: NodeJS.WriteStream, stop: AbortController) {
    this.#stream = stream;
    this.#stop = stop;
    stream.on("error", this.#onError);
  }

  readonly #onError = (error: Error): void => {
    if (systemCode(error) !== "EPIPE") this.#fault ??= error;
    this.#stop.abort();
  };

  async write(text: string): Promise<void> {
    if (this.#stop.signal.aborted || this.#stream.write(text)) return;
    // An abort while waiting is noticed by the caller.
    await once(this.#stream, "drain", { signal: this.#stop.signal }).catch(() => undefined);
  }

  /** @throws what the stream failed with, other than EPIPE. */
  async end(): Promise<void> {
    if (!this.#stream.destroyed) {
      // A failure may be reported only after the last write returned.
      await new Promise<void>((done) => this.#stream.write("", () => setImmediate(done)));
    }
    if (this.#fault !== undefined) throw this.#fault;
    // After a failure the listener stays: the stream may complain once more.
    if (!this.#stop.signal.aborted) this.#stream.off("error", this.#onError);
  }
}
