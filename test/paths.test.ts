import { userInfo } from "node:os";
import { describe, expect, it } from "vitest";
import { homeOf, locate } from "../src/paths.ts";

describe("the home", () => {
  it("is what HOME says", () => {
    expect(homeOf({ HOME: "/some/where" })).toBe("/some/where");
  });

  it.each([undefined, "", "relative", "./here"])(
    "is the user's own where HOME is %j, and not where somebody is",
    (HOME) => {
      expect(homeOf({ HOME })).toBe(userInfo().homedir);
      expect(locate(undefined, { HOME }).config.startsWith(userInfo().homedir)).toBe(true);
    },
  );
});
