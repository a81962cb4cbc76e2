import assert from "node:assert/strict";
import test from "node:test";
import { splitEvents } from "./sse.ts";

test("whole events are found, and what is left waits for its end", () => {
  assert.deepEqual(splitEvents("retry: 2000\n\nevent: statistics\ndata: [1]\n\ndata: [2]\n\ndata: [3"), { data: ["[1]", "[2]"], rest: "data: [3" });
  assert.deepEqual(splitEvents("data: [3" + "]\n\n"), { data: ["[3]"], rest: "" });
  assert.deepEqual(splitEvents(""), { data: [], rest: "" });
});
