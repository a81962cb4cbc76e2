import assert from "node:assert/strict";
import { test } from "node:test";
import { at, baseOf } from "./base.ts";

test("baseOf finds the path that a proxy shows the service below", () => {
  assert.equal(baseOf("https://a.example/assets/home-ABCD1234.js"), "");
  assert.equal(baseOf("https://a.example/media/assets/home-ABCD1234.js?x=/assets/y"), "/media");
  assert.equal(baseOf("https://a.example/a/assets/b/assets/home-ABCD1234.js"), "/a/assets/b");
  assert.equal(baseOf("file:///elsewhere.mjs"), "");
});

test("at leaves paths as they are at the top", () => assert.equal(at("/time"), "/time"));
