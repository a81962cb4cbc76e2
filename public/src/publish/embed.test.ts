import assert from "node:assert/strict";
import test from "node:test";
import { embedCode } from "./embed.ts";

test("the embed code frames the player and lets it play", () => {
  const code = embedCode("https://live.example/embed/calm-river-42", "calm-river-42");
  assert.match(code, /^<iframe src="https:\/\/live\.example\/embed\/calm-river-42" .*><\/iframe>$/);
  assert.match(code, /allow="autoplay; fullscreen; picture-in-picture"/);
});

test("nothing can leave its attribute", () => {
  const code = embedCode('https://live.example/watch/a?b=1&c="><script>', '"');
  assert.ok(code.includes('src="https://live.example/watch/a?b=1&amp;c=&quot;>&lt;script>"'), code);
  assert.ok(code.includes('title="&quot;"'), code);
});
