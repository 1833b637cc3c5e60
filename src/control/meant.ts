/**
 * The header that names the state directory, by encodeURIComponent, whose daemon is meant; whoever
 * leaves it out takes the one that listens. Another daemon answers 421: two environments may share
 * a run directory, and then the socket alone does not tell whose daemon it is.
 */
export const MEANT_HEADER = "state-directory";
export const NOT_MEANT_STATUS = 421;
