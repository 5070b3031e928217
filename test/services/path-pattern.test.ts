import assert from "node:assert/strict";
import { isBelow, isListedPath } from "../../lib/services/path-pattern.ts";

describe("isListedPath", () => {
  for (const [entry, listed, others] of [
    ["/ok", ["/ok"], ["/ok/", "/OK", "/o", "/ok/a", "/xok", ""]],
    ["/sign-in/*", ["/sign-in/email", "/sign-in/"], ["/sign-in", "/sign-in/a/b", "/sign-up/email"]],
    ["/sign-in/**", ["/sign-in/email", "/sign-in/a/b"], ["/sign-in", "/sign-up/email"]],
    ["/**", ["/", "/ok", "/a/b/c"], [""]],
    ["/*", ["/ok", "/"], ["/a/b"]],
    ["*", [""], ["/ok"]],
    ["/*/callback", ["/a/callback"], ["/a/b/callback", "/callback"]],
    ["/a**z", ["/az", "/a/b/z"], ["/a/b"]],
    ["/reset-password/:token", ["/reset-password/:token"], ["/reset-password/x"]],
    ["/a.b*", ["/a.bc"], ["/axbc"]],
    ["/(a|b)+[c]$*", ["/(a|b)+[c]$"], ["/a", "/ac"]],
    ["/a?*", ["/a?", "/a?b"], ["/", "/a", "/ab"]],
    ["/\\d*", ["/\\d"], ["/1"]],
  ] as const) {
    it(`when the entry is ${entry}, then it means ${listed.join(", ")} and no other`, () => {
      for (const path of listed) assert.equal(isListedPath(path, entry), true, path);
      for (const path of others) assert.equal(isListedPath(path, entry), false, path);
    });
  }
});

describe("isBelow", () => {
  for (const [listed, below, others] of [
    [
      ["/sign-in"],
      ["/sign-in", "/sign-in/email"],
      ["/sign-in-x", "/sign", "/SIGN-IN", "/x/sign-in"],
    ],
    [["/sign-in/"], ["/sign-in", "/sign-in/email"], ["/sign-inn"]],
    [
      ["/a", "/b/c"],
      ["/a/x", "/b/c", "/b/c/d"],
      ["/b", "/c", "/ab"],
    ],
    [["/"], ["/a", "/a/b"], []],
    [["/*"], [], ["/a"]],
    [[], [], ["/a", ""]],
  ] as const) {
    it(`when ${JSON.stringify(listed)} is listed, then paths at its slashes are below it`, () => {
      for (const path of below) assert.equal(isBelow([path], listed), true, path);
      for (const path of others) assert.equal(isBelow([path], listed), false, path);
    });
  }

  it("when an endpoint has several paths, then one below suffices", () => {
    assert.equal(
      isBelow(["/forget-password", "/request-password-reset"], ["/request-password-reset"]),
      true,
    );
  });
});
