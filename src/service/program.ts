/** What the service runs. */
export interface Program {
  /** Absolute, and one that survives an upgrade of node where there is one. */
  readonly node: string;
  /** The installed `state-syncd`, absolute. */
  readonly script: string;
  /** What follows the script. */
  readonly args: readonly string[];
  /** What of the present environment decides where things are. */
  readonly environment: Readonly<Record<string, string>>;
  /** What will end it one day, in words, with the remedy. */
  readonly warnings: readonly string[];
}
