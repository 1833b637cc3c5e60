export interface TextOptions {
  /** Milliseconds since the epoch; ages are counted from it. */
  readonly now: number;
  readonly colour: boolean;
  /** A terminal's width; without it lines are as long as they are. */
  readonly columns?: number | undefined;
  /** When a repo's pause ends, in milliseconds since the epoch; undefined where only `resume` ends it. */
  readonly pausedUntil?: ((repo: string) => number | undefined) | undefined;
}

export type Colour = "green" | "yellow" | "red" | "dim" | "bold";

/** How it is to look. */
export interface Look extends TextOptions {
  readonly paint: (colour: Colour, text: string) => string;
}
