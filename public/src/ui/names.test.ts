import assert from "node:assert/strict";
import { test } from "node:test";
import { isStreamName, nameFromPath, suggestName } from "./names.ts";

test("suggested names are stream names, whatever the dice say", () => {
  for (const roll of [0, 0.25, 0.5, 0.999999]) {
    const name = suggestName(() => roll);
    assert.ok(isStreamName(name), name);
    assert.match(name, /^[a-z]+-[a-z]+-\d\d$/);
  }
});

test("the grammar of names", () => {
  for (const name of ["a", "A9", "x_y-z", "0".repeat(64)]) assert.ok(isStreamName(name), name);
  for (const name of ["", "-a", "_a", "a b", "a/b", "é", "a.b", "0".repeat(65), "a\n"]) assert.ok(!isStreamName(name), name);
});

test("names from paths", () => {
  assert.equal(nameFromPath("/watch/demo"), "demo");
  assert.equal(nameFromPath("/watch/demo/"), "demo");
  assert.equal(nameFromPath("/media/watch/demo"), "demo");
  for (const path of ["/", "/watch/", "/watch/-x", "/watch/a/b", "/watch/%3Cscript%3E"]) assert.equal(nameFromPath(path), "");
});
