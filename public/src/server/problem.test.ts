import assert from "node:assert/strict";
import { test } from "node:test";
import { problemText, retryAfter } from "./problem.ts";

const json = "application/problem+json";

const cases: [name: string, status: number, type: string, body: string, want: string][] = [
  ["detail", 422, json, '{"title":"Unprocessable","detail":"no codec in common"}', "No codec in common."],
  ["detail with its full stop", 500, json, '{"detail":"The disk is full."}', "The disk is full."],
  ["a meaning rather than a bare title", 409, json, '{"title":"Conflict"}', "Somebody else is already live under this name."],
  ["title of an unknown status", 418, json, '{"title":"teapot"}', "Teapot."],
  ["plain text", 404, "text/plain", "404 page not found", "There is no such stream."],
  ["broken JSON", 503, json, "{", "The server is busy. Try again in a moment."],
  ["JSON that is no object", 500, json, '"x"', "The server answered with status 500."],
  ["null", 500, json, "null", "The server answered with status 500."],
  ["a detail that is no text", 401, json, '{"detail":{"a":1}}', "The server asks for a stream key."],
  ["no answer", 0, "", "", "The server cannot be reached. Check the connection."],
];

for (const [name, status, type, body, want] of cases) {
  test(`problem: ${name}`, () => assert.equal(problemText(status, type, body), want));
}

test("an endless detail is cut", () => {
  assert.ok(problemText(500, json, JSON.stringify({ detail: "x".repeat(100000) })).length < 600);
});

test("Retry-After", () => {
  assert.equal(retryAfter("3"), 3);
  for (const header of [null, "", "-1", "soon", "Fri, 20 Nov 2026 20:00:00 GMT"]) assert.equal(retryAfter(header), 0);
});
