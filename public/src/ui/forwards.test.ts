import assert from "node:assert/strict";
import { test } from "node:test";
import { forwardRows } from "./forwards.ts";

test("targets are told of stream by stream", () => {
  const now = Date.parse("2027-01-02T03:05:05Z");
  const rest = { bytes: 0, dropped: 0, error: "", retries: 0 };
  const rows = forwardRows(
    [
      { name: "quiet" },
      {
        name: "cam",
        forwards: [
          { ...rest, target: "tube", state: "forwarding", since: "2027-01-02T03:04:00Z", bytes: 1536000, dropped: 2 },
          { ...rest, target: "rtmp://example.com", state: "retrying", retries: 3, error: "the server refuses: <b>" },
        ],
      },
      { name: "later", forwards: [{ ...rest, target: "tube", state: "forwarding", since: "2027-01-02T03:05:06Z" }] },
    ],
    now,
  );
  assert.deepEqual(rows, [
    ["cam", "tube", "forwarding", "1:05", "1.5 MB", "2", "0", "–"],
    ["cam", "rtmp://example.com", "retrying", "–", "0 B", "0", "3", "the server refuses: <b>"],
    ["later", "tube", "forwarding", "0:00", "0 B", "0", "0", "–"],
  ]);
});
