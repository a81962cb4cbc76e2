// Server-sent events (HTML §9.2) read by fetch, which can send a key where EventSource cannot.

import { requestStream, silent } from "./problem.ts";

/**
 * Hears the events at url until they end, with a key or "" for none; rejects where they are refused, or where nothing has come for so many milliseconds
 * of silence. begun is called when they come.
 */
export async function followEvents(url: string, key: string, begun: () => void, hear: (data: string[]) => void, silence = Infinity): Promise<void> {
  const { response, end } = await requestStream(url, { headers: key ? { Authorization: `Bearer ${key}` } : {} });
  begun();
  const reader = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader();
  for (let rest = ""; ; ) {
    const limit = silence < Infinity ? setTimeout(() => end(silent()), silence) : undefined;
    const { value, done } = await reader.read().finally(() => clearTimeout(limit));
    if (done) return;
    const found = splitEvents(rest + value);
    rest = found.rest;
    if (found.data.length > 0) hear(found.data);
  }
}

/** The data of all events that are whole in text, and what is left of it. Only what this server sends is understood: one line of data each. */
export function splitEvents(text: string): { data: string[]; rest: string } {
  const blocks = text.split("\n\n");
  const rest = blocks.pop() ?? "";
  const data = blocks.flatMap((block) => block.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)));
  return { data, rest };
}
