import manifest from "../package.json" with { type: "json" };

/** The version of the package that this code was built from. */
export const VERSION: string = manifest.version;
